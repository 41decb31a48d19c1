"""Who acts at the centre, for every command that changes something: it is done, then told in the audit log.

NoSuchReport         a span of reports is named and none of them is there
"""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studyscope_aggregator.audit_log import Act, AuditLog
from studyscope_aggregator.store import ReportStore


class NoSuchReport(Exception):
    """The numbers that were given are of no report."""


def actor_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default=_us(), metavar="NAME", help="who does it, for the audit log (default: %(default)s)")


def _us() -> str:
    """The user's name, or number: in a container the user has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # KeyError before Python 3.13
        return f"user {os.getuid()}"


def steps_of(parser: argparse.ArgumentParser, steps: Mapping[str, str]) -> dict[str, argparse.ArgumentParser]:
    """A parser for each step of a command, by name; `steps` says what each does. Each takes --config after its name, too."""
    made = parser.add_subparsers(title="what to do", required=True, dest="step", metavar="STEP")
    parsers = {name: made.add_parser(name, help=help, description=help) for name, help in steps.items()}
    for step in parsers.values():
        step.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the centre file")
    return parsers


def span_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY")
    parser.add_argument("site", metavar="SITE")
    parser.add_argument("--from", dest="first", type=int, metavar="NUMBER", help="first report (default: the site's first)")
    parser.add_argument("--to", dest="last", type=int, metavar="NUMBER", help="last report (default: its newest)")


def span_of(store: ReportStore, chosen: argparse.Namespace) -> tuple[int, int]:
    """The numbers that are meant, both ends; raises NoSuchReport where there is no report among them."""
    numbers = [sequence for sequence, _ in store.grid_times(chosen.study, chosen.site, 1)]
    meant = [one for one in numbers if (chosen.first or 1) <= one <= (chosen.last or one)]
    if not meant:
        there = f"it has {numbers[0]} to {numbers[-1]}" if numbers else "it has none"
        raise NoSuchReport(f"site {chosen.site} has no such report in study {chosen.study}; {there}")
    return meant[0], meant[-1]


def reports_in_words(first: int, last: int) -> str:
    """A span of reports, both ends in it."""
    return f"report {first}" if first == last else f"reports {first} to {last}"


def tell(registry: Path, chosen: argparse.Namespace, at: dt.datetime, act: str, **facts: Any) -> None:
    """Adds the act to the audit log."""
    AuditLog(registry).record(Act(at, chosen.by, act, facts))
