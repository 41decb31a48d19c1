"""Rows of a table that people keep, CSV or .xlsx: encodings, delimiters and columns as they come out of a spreadsheet.

TableProblem    the file cannot be used at all; the message says what to change
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from studyscope_exporter.spreadsheet import SpreadsheetProblem, is_spreadsheet, named_columns, spreadsheet_rows

Encoding = Literal["utf-8", "cp1252", "latin-1", "utf-16"]
MOST_LINES_NAMED = 10


class NamesColumns(Exception):
    """A table cannot be used; `there` are the columns that it names.

    They are for a person who asks, never for a log: a list without a header names people in its first line.
    """

    def __init__(self, message: str, there: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.there = tuple(there)

    @property
    def in_full(self) -> str:
        """What a person at the site is told who asks."""
        return f"{self}; there are: {', '.join(self.there)}" if self.there else str(self)


def missing_column(names: Sequence[str], there: Sequence[str]) -> str:
    """What is said of columns that a first line does not name; holds nothing of the file."""
    return f"has no column {' and no '.join(map(repr, names))} among the {len(there)} that its first line names"


class TableProblem(NamesColumns):
    """The file as a whole cannot be used."""


def rows_of(raw: bytes, encoding: Encoding, wanted: Sequence[str], sheet: str = "") -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each row's wanted columns, stripped, with its line in the file; raises TableProblem.

    The delimiter is what the first line holds most of: comma, semicolon or tab. An .xlsx workbook is
    known by its first bytes; `sheet` names one of its sheets.
    """
    return _spreadsheet_rows(raw, wanted, sheet) if is_spreadsheet(raw) else _csv_rows(raw, encoding, wanted)


def day_of(text: str, date_format: str) -> dt.date | None:
    """A day as people write it; one of a spreadsheet's own date cells comes in ISO 8601 whatever the format. None for no day."""
    for form in (date_format, "%Y-%m-%d"):
        try:
            return dt.datetime.strptime(text, form).date()  # noqa: DTZ007 - a day
        except ValueError:
            continue
    return None


def _csv_rows(raw: bytes, encoding: Encoding, wanted: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeError:
        raise TableProblem(f"is not {encoding}; save it as UTF-8, or set `encoding` (Excel in western Europe: cp1252)") from None
    head = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), restval="")
    try:
        there = [name.strip() for name in rows.fieldnames or ()]
        rows.fieldnames = there
        _refuse_without(wanted, there)
        for row in rows:
            yield rows.line_num, {name: (row[name] or "").strip() for name in wanted}
    except csv.Error as error:
        raise TableProblem(f"is no CSV table at line {rows.line_num}: {error}") from None


def _spreadsheet_rows(raw: bytes, wanted: Sequence[str], sheet: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        rows = named_columns(spreadsheet_rows(raw, sheet))
        _, there = next(rows)
        _refuse_without(wanted, list(there))
        for number, row in rows:
            yield number, {name: row[name] for name in wanted}
    except SpreadsheetProblem as problem:
        raise TableProblem(str(problem)) from None


def _refuse_without(wanted: Sequence[str], there: Sequence[str]) -> None:
    if missing := [name for name in wanted if name not in there]:
        raise TableProblem(missing_column(missing, there), there)


def sentences(bad: Mapping[str, Sequence[int]]) -> list[str]:
    """For each thing that is wrong with lines, which lines and what; names nobody."""
    return [f"{_lines(numbers)}: {reason}" for reason, numbers in sorted(bad.items())]


def _lines(numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:MOST_LINES_NAMED]))
    more = f" and {len(numbers) - MOST_LINES_NAMED} more" if len(numbers) > MOST_LINES_NAMED else ""
    return f"line{'s' if len(numbers) > 1 else ''} {named}{more}"
