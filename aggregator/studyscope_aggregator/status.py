"""How every site stands, for the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from studyscope_aggregator.clock import Clock
from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.registry_watch import RegistryWatch
from studyscope_aggregator.store import ReportStore


def status_rows(registry: Path, store: ReportStore, clock: Clock) -> list[dict[str, Any]]:
    """One record for each site of each study. Raises FileProblem, StoreUnavailable."""
    consortium = Consortium(RegistryWatch(registry, OwnMetrics(), clock), store)
    rows = []
    for one in consortium.members(clock.now()):
        standing, newest = one.standing, one.standing or one.taken_back
        rows.append(
            {
                "study": one.study.id,
                "site": one.site.id,
                "state": one.state,
                "missed_grid_points": one.missed,
                "last_report": newest.grid_time.isoformat() if newest else None,
                "sequence": standing.sequence if standing else None,
                "release": standing.facts.release if standing else None,
                "study_version": standing.facts.study_version if standing else None,
                "tables_shown": len(standing.tables) if standing else 0,
                "refused": {reason: found.count for reason, found in consortium.refusals(one.study.id, one.site.id).items()},
            }
        )
    return rows


def status_text(rows: list[dict[str, Any]]) -> str:
    """The same for people."""
    table = Table("study", "site", "state", "last report", "missed", "tables", "refused", box=None, pad_edge=False)
    for row in rows:
        refused = ", ".join(f"{count} {reason}" for reason, count in row["refused"].items())
        last = (row["last_report"] or "never")[:16].replace("T", " ")
        table.add_row(
            row["study"], row["site"], row["state"], last, str(row["missed_grid_points"]), str(row["tables_shown"]), refused
        )
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip()
