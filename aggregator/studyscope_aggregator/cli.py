"""`studyscope-aggregator`: one command per file of `commands`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from studyscope_aggregator.administration import NoSuchReport
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.commands import COMMANDS, backup, init
from studyscope_aggregator.release_number import release_number
from studyscope_aggregator.settings import read_settings
from studyscope_aggregator.site_contacts import ContactProblem
from studyscope_aggregator.store import StoreUnavailable
from studyscope_contract.keys import KeyProblem
from studyscope_contract.mail_link import LinkProblem
from studyscope_contract.yaml_file import FileProblem

WRONG_SETTINGS = 2
NO_STORE = 3


def parser() -> argparse.ArgumentParser:
    described = argparse.ArgumentParser(
        prog="studyscope-aggregator",
        description="The centre of a consortium: takes signed reports and federates what they publish into Prometheus.",
        epilog="First `check`, then leave `serve` to systemd or a container; `status` says how every site stands.",
    )
    described.add_argument("--version", action="version", version=f"studyscope-aggregator {release_number()}")
    described.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("STUDYSCOPE_CENTRE", "centre.yaml")),
        metavar="FILE",
        help="the centre file (default: $STUDYSCOPE_CENTRE, else centre.yaml)",
    )
    commands = described.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_those_before_settings(commands)
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2].replace("_", "-").rstrip("-")
        summary, _, more = (module.__doc__ or "").partition("\n")
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary}\n{more}".strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_config(command)
        module.arguments(command)
        command.set_defaults(execute=module.execute)
    keep = commands.add_parser("backup", help="store, registry and centre file into one archive, while it runs")
    backup.backup_arguments(keep)
    _add_config(keep)
    keep.set_defaults(execute=backup.backup)
    return described


def _add_those_before_settings(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Commands that make the settings: nothing can be read before they ran."""
    new = commands.add_parser("init", help="write a new centre: its file, a study, and what its servers read")
    init.arguments(new)
    new.set_defaults(found=init.found)
    back = commands.add_parser("restore", help="unpack such an archive and see that it is whole")
    backup.restore_arguments(back)
    back.set_defaults(found=lambda chosen, _: backup.restore(chosen))
    for command in (new, back):
        _add_config(command)


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the centre file")


def main(arguments: list[str] | None = None) -> int:
    chosen = parser().parse_args(arguments)
    try:
        if "found" in chosen:
            return int(chosen.found(chosen, SystemClock().now().date()))
        settings = read_settings(chosen.config)
        result: int = chosen.execute(settings, chosen)
    except (FileProblem, KeyProblem, LinkProblem, NoSuchReport, ContactProblem) as problem:
        print(problem, file=sys.stderr)
        return WRONG_SETTINGS
    except StoreUnavailable as problem:
        print(problem, file=sys.stderr)
        return NO_STORE
    return result
