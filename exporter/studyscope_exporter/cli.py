"""`studyscope-exporter`: one command per file of `commands`."""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sqlite3
import sys
from pathlib import Path

from studyscope_contract.keys import KeyProblem
from studyscope_contract.yaml_file import FileProblem
from studyscope_exporter.commands import ACTS, COMMANDS
from studyscope_exporter.disclosure.domain import DisclosureError
from studyscope_exporter.extras import ExtraMissing
from studyscope_exporter.fault_words import keep_values_out
from studyscope_exporter.identity import IdentityProblem
from studyscope_exporter.inventory.errors import InventoryError, InventoryOutOfReach
from studyscope_exporter.no_space import no_space_words
from studyscope_exporter.release_number import release_number
from studyscope_exporter.retirement import Retired
from studyscope_exporter.small_server import EndpointProblem

NO_SPACE = 1
WRONG_SETTINGS = 2
INTERRUPTED = 130
LOG_LINE = "%(asctime)s %(levelname)s %(message)s"
PROBLEMS = (FileProblem, IdentityProblem, KeyProblem, ExtraMissing, DisclosureError, InventoryError, Retired, EndpointProblem)


def parser() -> argparse.ArgumentParser:
    described = argparse.ArgumentParser(
        prog="studyscope-exporter",
        description="Turns local imaging data into protected tables of a study and sends them, signed, to the centre.",
        epilog="A first release, step by step: check, scan, preview, approve, once. Then leave `run` to systemd or a container.",
    )
    described.add_argument("--version", action="version", version=f"studyscope-exporter {release_number()}")
    described.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("STUDYSCOPE_SITE", "site.yaml")),
        metavar="FILE",
        help="the site file (default: $STUDYSCOPE_SITE, else site.yaml)",
    )
    described.add_argument("-v", "--verbose", action="store_true", help="log every step")
    commands = described.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (*COMMANDS, *ACTS):
        name = module.__name__.rpartition(".")[2].replace("_", "-")
        summary, _, more = (module.__doc__ or "").partition("\n")
        command = commands.add_parser(name, help=summary, description=f"{summary}\n{more}".strip(), formatter_class=_Plain)
        module.arguments(command)
        command.set_defaults(execute=module.execute)
    return described


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Shows a command's description as its author broke it into lines."""


def main(arguments: list[str] | None = None) -> int:
    chosen = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if chosen.verbose else logging.WARNING, format=LOG_LINE, stream=sys.stderr)
    if arguments is None:  # a program of its own, not called by another one
        keep_values_out(sys.stderr, LOG_LINE)
        _leave_no_core()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        result: int = chosen.execute(chosen)
        sys.stdout.flush()
    except (OSError, sqlite3.OperationalError, InventoryOutOfReach) as problem:
        return _failed(problem)
    except PROBLEMS as problem:
        print(problem, file=sys.stderr)
        return WRONG_SETTINGS
    except EOFError:
        print("an answer is asked for, and there is no terminal: run this in one (ssh -t, docker exec -it)", file=sys.stderr)
        return WRONG_SETTINGS
    except KeyboardInterrupt:
        print("interrupted; what was read so far is kept", file=sys.stderr)
        return INTERRUPTED
    return result


def _leave_no_core() -> None:
    """A dump of this program would hold who is in the study, in the clear and outside the state; a watchdog's kill makes one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _failed(problem: OSError | sqlite3.OperationalError | InventoryOutOfReach) -> int:
    """The exit code after a problem of the machine, told in words; raises one that there are none for."""
    words = no_space_words(problem)
    if words is not None:
        print(words, file=sys.stderr)
        return NO_SPACE
    if isinstance(problem, BrokenPipeError):  # whoever read our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(problem, PermissionError):
        print(
            f"{problem.filename}: {problem.strerror}: run this as the service's user (runuser -u studyscope -- …), "
            "or give it to that user",
            file=sys.stderr,
        )
        return WRONG_SETTINGS
    raise problem


if __name__ == "__main__":
    sys.exit(main())
