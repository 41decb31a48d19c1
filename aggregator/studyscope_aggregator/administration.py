"""Who acts at the centre, for every command that changes something: it is done, then told in the audit log."""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studyscope_aggregator.audit_log import Act, AuditLog


def actor_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", default=getpass.getuser(), metavar="NAME", help="who does it, for the audit log (default: %(default)s)"
    )


def steps_of(parser: argparse.ArgumentParser, steps: Mapping[str, str]) -> dict[str, argparse.ArgumentParser]:
    """A parser for each step of a command, by name; `steps` says what each does. Each takes --config after its name, too."""
    made = parser.add_subparsers(title="what to do", required=True, dest="step", metavar="STEP")
    parsers = {name: made.add_parser(name, help=help, description=help) for name, help in steps.items()}
    for step in parsers.values():
        step.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the centre file")
    return parsers


def tell(registry: Path, chosen: argparse.Namespace, at: dt.datetime, act: str, **facts: Any) -> None:
    """Adds the act to the audit log."""
    AuditLog(registry).record(Act(at, chosen.by, act, facts))
