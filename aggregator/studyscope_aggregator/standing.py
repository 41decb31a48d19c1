"""What one site shows now: its newest accepted report, in a form that is quick to add up and to print."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from studyscope_contract.metric import TableKey
from studyscope_contract.report import PolicyStatement, Report, SiteFacts

Cells = Mapping[tuple[str, ...], int]


@dataclass(frozen=True)
class Shown:
    """A table that the site shows; cells in the order of the report."""

    version: int
    released: dt.datetime
    cells: Cells
    exact: bool = False  # unit `reported`: the numbers are those of the site, without bounds around them


@dataclass(frozen=True)
class Standing:
    """The newest accepted report of one site in one study.

    `activity_since`: grid time of the first report of the unbroken run with this activity.
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

    @classmethod
    def of(cls, report: Report, activity_since: dt.datetime) -> Standing:
        grid = report.policy.grid
        return cls(
            study=report.study,
            site=report.site,
            sequence=report.sequence,
            grid_point=report.grid_point,
            grid_time=grid.moment(report.grid_point),
            activity=report.activity,
            activity_since=activity_since,
            policy=report.policy,
            facts=report.facts,
            tables=MappingProxyType(
                {
                    TableKey(table.table, table.per): Shown(
                        table.version,
                        grid.moment(table.released),
                        MappingProxyType({cell.codes: cell.value for cell in table.cells}),
                        exact=table.unit == "reported",
                    )
                    for table in report.tables
                }
            ),
        )


def activity_since(report: Report, before: Standing | None) -> dt.datetime:
    """Since when the site has the activity that `report` names, given the report before it."""
    if before is not None and before.activity == report.activity:
        return before.activity_since
    return report.policy.grid.moment(report.grid_point)
