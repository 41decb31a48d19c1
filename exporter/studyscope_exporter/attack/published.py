"""All that an attacker sees of one study at one hospital: which table moved at which grid point, and what it showed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters
from studyscope_contract.report import ProtectedTable, Report

Cell = tuple[str, ...]
Shown = Mapping[Cell, int]


@dataclass(frozen=True)
class Moment:
    """A grid point at which something moved: the tables that did, and their numbers now; {} for one that vanished.

    `other_rules`: policy or study changed since the moment before, so that what vanished was hidden by that and says nothing.
    """

    grid_point: int
    parameters: Parameters
    tables: Mapping[TableKey, Shown]
    other_rules: bool = False
    reported: Mapping[TableKey, Shown] = field(default_factory=dict)  # numbers that are exact, apart from the others
    versions: Mapping[TableKey, int] = field(default_factory=dict)  # the site's own number of what is shown


@dataclass(frozen=True)
class PublishedHistory:
    """Every moment in order. `codes` gives the closed list of each table that the site offers.

    `offered_from_the_start`: a table of which nothing is shown was approved all the same.
    """

    site: str
    study: str
    codes: Mapping[TableKey, tuple[Cell, ...]]  # of protected tables
    moments: tuple[Moment, ...]
    offered_from_the_start: bool = True


def moved_since(
    before: Iterable[ProtectedTable],
    now: Iterable[ProtectedTable],
    point: int,
    parameters: Parameters,
    *,
    other_rules: bool = False,
) -> Moment | None:
    """What moved between two reports; None when nothing did."""
    old = {TableKey(table.table, table.per): table for table in before}
    new = {TableKey(table.table, table.per): table for table in now}
    moved = {key: table for key, table in new.items() if old.get(key) != table}
    protected = {key: _shown(table) for key, table in moved.items() if table.unit == "patient"}
    gone: dict[TableKey, Shown] = {key: {} for key, table in old.items() if key not in new and table.unit == "patient"}
    if not (moved or gone or other_rules):
        return None
    reported = {key: _shown(table) for key, table in moved.items() if table.unit == "reported"}
    versions = {key: table.version for key, table in moved.items()}
    return Moment(point, parameters, protected | gone, other_rules, reported, versions)


def _shown(table: ProtectedTable) -> Shown:
    return {cell.codes: cell.value for cell in table.cells}


def history_of(reports: Sequence[Report], codes: Mapping[TableKey, tuple[Cell, ...]]) -> PublishedHistory:
    """The history in a site's reports, oldest first; there must be one."""
    moments: list[Moment] = []
    before: tuple[ProtectedTable, ...] = ()
    rules = _rules(reports[0])
    for report in reports:
        changed, rules = _rules(report) != rules, _rules(report)
        moment = moved_since(before, report.tables, report.grid_point, report.policy.parameters, other_rules=changed)
        moments.extend([] if moment is None else [moment])
        before = report.tables
    exact = {key for moment in moments for key in moment.reported}
    protected = {key: cells for key, cells in codes.items() if key not in exact}
    return PublishedHistory(reports[0].site, reports[0].study, protected, tuple(moments))


def _rules(report: Report) -> tuple[str, int]:
    """What a table is shown under, as far as a report says it."""
    return report.policy.hash, report.facts.study_version
