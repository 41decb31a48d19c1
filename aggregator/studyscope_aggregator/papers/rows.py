"""Totals as rows: one for each cell, with bounds and coverage; the same rows for CSV, HTML and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields

from studyscope_aggregator.papers.as_known import KnownStudy
from studyscope_aggregator.study_totals import StudyTotals
from studyscope_contract.metric import Kind, Table, TableKey

KIND = "last_known"
"""Papers show totals with the sites that are silent: an outage is no withdrawal (design.md 7)."""

EDGE = "le"
"""The label of a histogram's upper edges."""


@dataclass(frozen=True)
class Row:
    """One cell of a total; empty texts where nothing is known."""

    table: str
    per: str
    cell: str
    value: int | None
    at_least: int
    at_most: int | None
    sites: int
    sites_expected: int
    oldest_release: str


@dataclass(frozen=True)
class Block:
    """A table with its rows."""

    key: TableKey
    table: Table
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        text = self.table.help.removesuffix(".")
        return f"{self.key.per}: {text}" if self.key.per else text

    @property
    def read_as(self) -> str:
        return "Cumulative: patients up to each edge." if self.table.kind is Kind.HISTOGRAM else self.table.rule


def blocks(known: KnownStudy) -> list[Block]:
    """Every table that some site showed or offered, in the order of the catalogue."""
    expected = sum(one.expected for one in known.members)
    found = []
    for key, table in known.study.tables():
        rows = tuple(_rows(known.totals, key, table, expected))
        if rows:
            found.append(Block(key, table, rows))
    return found


def _rows(totals: StudyTotals, key: TableKey, table: Table, expected: int) -> Iterator[Row]:
    total = totals.of(KIND, key)
    labels = [dimension.label for dimension in table.dimensions]
    oldest = total.oldest.date().isoformat() if total.oldest else ""
    for cell in total.cells:
        said = ", ".join(_said(label, code) for label, code in zip(labels, cell.codes, strict=True))
        yield Row(table.id, key.per, said, cell.value, cell.lower, cell.upper, cell.sites, expected, oldest)


def _said(label: str, code: str) -> str:
    if label != EDGE:
        return f"{label} {code}"
    return "all" if code == "+Inf" else f"up to {code}"


def as_csv(known: KnownStudy, found: Sequence[Block]) -> str:
    """One line a cell; an empty value is not shown by any site, an empty upper bound is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["study", "at", "known_at", *(field.name for field in fields(Row))])
    moments = (known.moments.at.isoformat(), known.moments.known.isoformat())
    for block in found:
        for row in block.rows:
            writer.writerow([known.study.id, *moments, *("" if part is None else part for part in astuple(row))])
    return text.getvalue()
