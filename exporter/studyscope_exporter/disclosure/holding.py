"""How long a published table may hold people who have left: until it moves, or as long as the policy lets it.

A table that holds them longer is carried on, or retired: hidden for good (privacy.md 2.3, `max_hold`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from studyscope_contract.metric import TableKey
from studyscope_contract.report import Report
from studyscope_exporter.disclosure.census import ABSENT
from studyscope_exporter.disclosure.contributions import POPULATION
from studyscope_exporter.disclosure.gate import Counted
from studyscope_exporter.disclosure.state import State, TableState
from studyscope_exporter.disclosure.terms import Terms

RETIRED = "retired"


def after_holding(state: State, counted: Counted | None, point: int, terms: Terms) -> State:
    """The state with the tables that hold somebody who left marked, and those retired that did so for too long.

    `counted` is what was counted for this grid point, over the same roster; None where nothing was.
    """
    tables = {}
    for key, table in state.tables.items():
        if key in terms.reported:
            tables[key] = table  # what it shows holds nobody who left
            continue
        since = table.leaving_since if counted is None else _since(table, counted, point)
        table = replace(table, leaving_since=since)
        tables[key] = _retired(table) if _too_long(since, point, terms) else table
    return state.with_tables(tables)


def retired_now(before: State, after: State) -> list[Mapping[str, Any]]:
    """The ledger's line where tables retired between the two states; by it a recovery knows that they stay hidden."""
    tables = [str(key) for key, table in sorted(after.tables.items()) if table.retired and not before.tables[key].retired]
    return [retirement(tables)] if tables else []


def retirement(tables: Iterable[str]) -> dict[str, Any]:
    return {"act": RETIRED, "tables": sorted(tables)}


def retired_before(
    lines: Iterable[Mapping[str, Any]], reports: Sequence[Report], refused: Collection[str]
) -> frozenset[TableKey]:
    """Tables that retired once, from the ledger's `lines` and from what the centre accepted.

    Where the ledger is lost: a table that was shown, and that the last report calls refused although the policy of today
    does not refuse it.
    """
    told = {TableKey.parse(name) for line in lines if line["act"] == RETIRED for name in line["tables"]}
    if not reports:
        return frozenset(told)
    now = {TableKey(table.table, table.per) for table in reports[-1].tables}
    once = {TableKey(table.table, table.per) for report in reports for table in report.tables} - now
    offers = reports[-1].facts.tables
    return frozenset(told | {key for key in once if offers.get(key.table) == "refused" and key.table not in refused})


def _since(table: TableState, counted: Counted, point: int) -> int | None:
    """The first grid point at which the table's snapshot held somebody who is not in the study any more."""
    snapshot = table.snapshot
    if snapshot is None or not table.shown:
        return None
    left = (snapshot.column != ABSENT) & (counted.columns[POPULATION] == ABSENT)
    if not snapshot.gone and not bool(np.any(left)):
        return None
    return point if table.leaving_since is None else table.leaving_since


def _too_long(since: int | None, point: int, terms: Terms) -> bool:
    rule = terms.policy.deletions
    days = 0 if since is None else (point - since) * terms.policy.grid.every_days
    return rule.action == "retire" and days >= rule.max_hold_days


def _retired(table: TableState) -> TableState:
    """Hidden and emptied; it never shows a number again."""
    return replace(table, snapshot=None, waiting=None, shown=(), terms="", leaving_since=None, retired=True)
