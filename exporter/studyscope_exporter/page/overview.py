"""What the first page says of one study: the exact numbers, what is published of them, and why the rest is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from studyscope_contract.metric import Kind, Table
from studyscope_contract.policy import Parameters
from studyscope_exporter.before_release.document import counts_as_shown
from studyscope_exporter.before_release.words import SITUATIONS, bucket_words, cell_words, overlap_words, table_words
from studyscope_exporter.disclosure.contributions import POPULATION, Cell
from studyscope_exporter.disclosure.preview import Preview, TablePreview
from studyscope_exporter.disclosure.sensitive import may_be_shown
from studyscope_exporter.site import Site, StudyAtSite

FIRST = ("population", "stage", "reached", "roster_state", "structure_state", "job_outcome", "job_failure_reason", "review_state")


@dataclass(frozen=True)
class Row:
    """One cell: exact, published, and why it is not."""

    words: str
    exact: int = field(repr=False)
    published: int | None
    why: str


@dataclass(frozen=True)
class TableRows:
    """One table with its rows."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class StudyOverview:
    """One study; `patients` and the rows are exact and stay in the house."""

    id: str
    title: str
    patients: int | None = field(repr=False)
    published: int | None
    target: int | None
    target_day: dt.date | None
    waiting: int
    reports_waiting: int
    reports_refused: int
    last_delivered: int | None
    next_report: str
    stopped: str | None
    overlaps: tuple[str, ...] = field(repr=False)  # with other studies here
    tables: tuple[TableRows, ...]
    others: tuple[TableRows, ...]

    @property
    def share(self) -> int | None:
        """Percent of the target that is reached, exactly."""
        return None if not self.target or self.patients is None else 100 * self.patients // self.target


def study_overview(site: Site, at_site: StudyAtSite) -> StudyOverview:
    """Reads the study's state and the last finished scan; changes nothing."""
    point, policy = site.next_grid_point(at_site), at_site.settings.policy
    preview = at_site.domain.preview(site.contributions(at_site), site.facts(at_site), point)
    known = dict(at_site.study.tables())
    rows = {
        one.key: TableRows(
            table_words(at_site.study, one.key, known[one.key]), tuple(_rows(one, known[one.key], policy.parameters))
        )
        for one in preview.tables
    }
    mine = at_site.study.site(site.settings.site)
    target = None if mine is None else mine.target(site.clock.now().date())
    return StudyOverview(
        id=at_site.study.id,
        title=at_site.study.title,
        patients=_patients(preview),
        published=next((value for one in preview.tables if one.key == POPULATION for _, value in one.now), None),
        target=None if target is None else target.patients,
        target_day=None if target is None else target.by,
        waiting=len(preview.pending),
        reports_waiting=len(at_site.outbox.waiting()),
        reports_refused=len(at_site.outbox.unsettled()),
        last_delivered=at_site.outbox.last_delivered(),
        next_report=f"{policy.grid.moment(point):%Y-%m-%d %H:%M} UTC",
        stopped=preview.frozen,
        overlaps=tuple(overlap_words(one, policy.parameters.k) for one in preview.overlaps),
        tables=tuple(found for key, found in rows.items() if key.table in FIRST and found.rows),
        others=tuple(found for key, found in rows.items() if key.table not in FIRST and found.rows),
    )


def _patients(preview: Preview) -> int | None:
    return next((one.exact.get((), 0) for one in preview.tables if one.key == POPULATION and one.exact), None)


def _rows(preview: TablePreview, table: Table, parameters: Parameters) -> Iterator[Row]:
    now, counts = dict(preview.now), counts_as_shown(preview.exact, preview.now, table)
    cells = sorted({*now, *counts}, key=lambda cell: (_place(table, cell), cell))
    buckets = bucket_words(table, now or cells) if table.kind is Kind.HISTOGRAM else {}
    for cell in cells:
        exact = counts.get(cell, 0)
        why = "" if cell in now else _why(preview, table, cell, exact, parameters)
        yield Row(buckets.get(cell) or cell_words(table, cell), exact, now.get(cell), why)


def _place(table: Table, cell: tuple[str, ...]) -> int:
    return table.cells.index(cell) if cell in table.cells else len(table.cells)


def _why(preview: TablePreview, table: Table, cell: Cell, exact: int, parameters: Parameters) -> str:
    if preview.situation in ("not_approved", "timed_out", "refused", "retired", "no_source", "reported"):
        return SITUATIONS[preview.situation]
    if exact < parameters.s and table.kind is not Kind.MAGNITUDE:
        return f"fewer than {parameters.s} people"
    if table.sensitive and cell not in may_be_shown(table, preview.exact, sum(preview.exact.values()), parameters.s):
        return f"fewer than {parameters.s} people have another result, or nobody has"
    if preview.situation == "moves":
        return "appears with the next report, if it may"
    return SITUATIONS[preview.situation]
