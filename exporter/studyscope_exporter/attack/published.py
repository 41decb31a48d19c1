"""All that an attacker sees of one study at one hospital: which table moved at which grid point, and what it showed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters
from studyscope_contract.report import ProtectedTable, Report

Cell = tuple[str, ...]
Shown = Mapping[Cell, int]


@dataclass(frozen=True)
class Moment:
    """A grid point at which something moved: the tables that did, and their numbers now; {} for one that vanished."""

    grid_point: int
    parameters: Parameters
    tables: Mapping[TableKey, Shown]


@dataclass(frozen=True)
class PublishedHistory:
    """Every moment in order. `codes` gives the closed list of each table that the site offers.

    `offered_from_the_start`: a table of which nothing is shown was approved all the same.
    """

    site: str
    study: str
    codes: Mapping[TableKey, tuple[Cell, ...]]
    moments: tuple[Moment, ...]
    offered_from_the_start: bool = True


def moved_since(
    before: Iterable[ProtectedTable], now: Iterable[ProtectedTable], point: int, parameters: Parameters
) -> Moment | None:
    """What moved between two reports; None when nothing did."""
    old = {TableKey(table.table, table.per): table for table in before}
    new = {TableKey(table.table, table.per): table for table in now}
    moved = {key: _shown(table) for key, table in new.items() if old.get(key) != table}
    gone: dict[TableKey, Shown] = {key: {} for key in old if key not in new}
    return Moment(point, parameters, moved | gone) if moved or gone else None


def _shown(table: ProtectedTable) -> Shown:
    return {cell.codes: cell.value for cell in table.cells}


def history_of(reports: Sequence[Report], codes: Mapping[TableKey, tuple[Cell, ...]]) -> PublishedHistory:
    """The history in a site's reports, oldest first; there must be one."""
    moments: list[Moment] = []
    before: tuple[ProtectedTable, ...] = ()
    for report in reports:
        moment = moved_since(before, report.tables, report.grid_point, report.policy.parameters)
        moments.extend([] if moment is None else [moment])
        before = report.tables
    return PublishedHistory(reports[0].site, reports[0].study, codes, tuple(moments))
