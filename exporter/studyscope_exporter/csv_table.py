"""Rows of a CSV table that people keep: encodings, delimiters and columns as they come out of a spreadsheet.

TableProblem    the file cannot be used at all; the message says what to change
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

Encoding = Literal["utf-8", "cp1252", "latin-1", "utf-16"]
MOST_LINES_NAMED = 10


class TableProblem(Exception):
    """The file as a whole cannot be used."""


def rows_of(raw: bytes, encoding: Encoding, wanted: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each row's wanted columns, stripped, with its line in the file; raises TableProblem.

    The delimiter is what the first line holds most of: comma, semicolon or tab.
    """
    try:
        text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeError:
        raise TableProblem(f"is not {encoding}; save it as UTF-8, or set `encoding` (Excel in western Europe: cp1252)") from None
    head = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), restval="")
    try:
        there = [name.strip() for name in rows.fieldnames or ()]
        rows.fieldnames = there
        for name in wanted:
            if name not in there:
                raise TableProblem(f"has no column {name!r}; there are: {', '.join(there) or 'none'}")
        for row in rows:
            yield rows.line_num, {name: (row[name] or "").strip() for name in wanted}
    except csv.Error as error:
        raise TableProblem(f"is no CSV table at line {rows.line_num}: {error}") from None


def sentences(bad: Mapping[str, Sequence[int]]) -> list[str]:
    """For each thing that is wrong with lines, which lines and what; names nobody."""
    return [f"{_lines(numbers)}: {reason}" for reason, numbers in sorted(bad.items())]


def _lines(numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:MOST_LINES_NAMED]))
    more = f" and {len(numbers) - MOST_LINES_NAMED} more" if len(numbers) > MOST_LINES_NAMED else ""
    return f"line{'s' if len(numbers) > 1 else ''} {named}{more}"
