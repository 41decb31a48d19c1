"""read what is new in every source, once

Only what is new or has changed is read. It can be interrupted at any moment; the next scan goes on.
Nothing leaves the site.
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from studyscope_exporter.commands.opened import opened_site
from studyscope_exporter.last_scan import SourceOutcome
from studyscope_exporter.site import Site


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no table; only problems")


class _Bar:
    """The progress of one source as one bar."""

    def __init__(self, bars: Bars, name: str) -> None:
        self._bars, self._task = bars, bars.add_task(name, total=None)

    def total(self, items: int | None) -> None:
        self._bars.update(TaskID(self._task), total=items)

    def advance(self, items: int = 1) -> None:
        self._bars.advance(TaskID(self._task), items)


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        outcomes = scan_with_bars(site, quiet=chosen.quiet)
    return 1 if any(outcome.problem for outcome in outcomes) else 0


def scan_with_bars(site: Site, *, quiet: bool) -> list[SourceOutcome]:
    """Scans with one bar a source, and prints what was found."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, disable=quiet) as bars:
        outcomes = site.scan(lambda name: _Bar(bars, name))
    if not quiet:
        console.print(_table(outcomes))
    for outcome in outcomes:
        if outcome.problem:
            console.print(f"source {outcome.name}: {outcome.problem}", style="red", markup=False)
        for sentence in outcome.result.to_mend if outcome.result else ():
            console.print(f"source {outcome.name}: {sentence}", style="red", markup=False)
    return outcomes


def _table(outcomes: list[SourceOutcome]) -> Table:
    table = Table("source", "seen", "read", "removed", "not readable", "ignored", "not linked", title="Scan (stays at this site)")
    for outcome in outcomes:
        result = outcome.result
        if result is None:
            table.add_row(outcome.name, "down: what it held is kept")
            continue
        counts = (result.seen, result.read, result.removed)
        table.add_row(
            outcome.name, *map(str, counts), _reasons(result.unreadable), _reasons(result.ignored), str(result.unlinked)
        )
    return table


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "0"
