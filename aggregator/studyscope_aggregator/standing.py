"""What one site shows now: its newest accepted report, in a form that is quick to add up and to print."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from studyscope_contract.metric import TableKey
from studyscope_contract.report import PolicyStatement, Report, SiteFacts

Cells = Mapping[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class Shown:
    """A table that the site shows; cells in the order of the report.

    `digest`: SHA-256 of its canonical form, where it was read from that.
    """

    version: int
    released: dt.datetime
    cells: Cells
    exact: bool = False  # unit `reported`: the numbers are those of the site, without bounds around them
    digest: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True)
class Standing:
    """The newest accepted report of one site in one study.

    `activity_since`: grid time of the first report of the unbroken run with this activity. `content`:
    the report's own hash of policy, facts and tables.
    """

    study: str
    site: str
    sequence: int
    grid_point: int
    grid_time: dt.datetime
    activity: str
    activity_since: dt.datetime
    policy: PolicyStatement
    facts: SiteFacts
    tables: Mapping[TableKey, Shown]
    content: str = ""

    @classmethod
    def of(cls, report: Report, activity_since: dt.datetime) -> Standing:
        return cls(
            study=report.study,
            site=report.site,
            sequence=report.sequence,
            grid_point=report.grid_point,
            grid_time=report.policy.grid.moment(report.grid_point),
            activity=report.activity,
            activity_since=activity_since,
            policy=report.policy,
            facts=report.facts,
            tables=shown_tables(report),
            content=report.content,
        )


def shown_tables(report: Report) -> Mapping[TableKey, Shown]:
    """The tables of a report, in its order."""
    grid = report.policy.grid
    moments = {released: grid.moment(released) for released in {table.released for table in report.tables}}
    return MappingProxyType(
        {
            TableKey(table.table, table.per): Shown(
                table.version,
                moments[table.released],
                MappingProxyType({one_of(cell.codes): cell.value for cell in table.cells}),
                exact=table.unit == "reported",
            )
            for table in report.tables
        }
    )


@lru_cache(maxsize=100_000)
def one_of(codes: tuple[str, ...]) -> tuple[str, ...]:
    """The same object for equal codes: thousands of sites show the same ones."""
    return codes


def activity_since(activity: str, moment: dt.datetime, before: Standing | None) -> dt.datetime:
    """Since when the site has the activity that a report of `moment` names, given the report before it."""
    return before.activity_since if before is not None and before.activity == activity else moment
