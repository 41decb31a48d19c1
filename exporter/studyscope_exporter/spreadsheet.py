"""Rows of an .xlsx workbook as texts, bounded in size; formulas are never computed, their last saved values count.

SpreadsheetProblem    the workbook cannot be used; the message says what to change
"""

from __future__ import annotations

import datetime as dt
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice

MAGIC = b"PK\x03\x04"
MOST_BYTES = 128 * 1024 * 1024  # of all parts together, unpacked
MOST_PARTS = 2_000
MOST_ROWS = 1_048_576  # of any spreadsheet program (ECMA-376)
MOST_COLUMNS = 500
LONGEST_TEXT = 32_767  # of a cell of any spreadsheet program

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    SyntaxError,  # what both XML parsers raise
    RuntimeError,  # an encrypted part
    AssertionError,
)
"""What openpyxl raises over workbooks that no spreadsheet program wrote."""


class SpreadsheetProblem(Exception):
    """The workbook as a whole cannot be used."""


def is_spreadsheet(raw: bytes) -> bool:
    return raw.startswith(MAGIC)


def spreadsheet_rows(raw: bytes, sheet: str = "") -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty, with its number; of the sheet of this name, else of the first. Raises SpreadsheetProblem."""
    _refuse_bombs(raw)
    # openpyxl warns of what it leaves out (styles, validation), which is no matter of ours.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield from _rows(raw, sheet)
        except _DAMAGE:
            raise SpreadsheetProblem("is no .xlsx workbook that can be read; open it, save it anew, or save it as CSV") from None


def _refuse_bombs(raw: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            listed = parts.infolist()
    except _DAMAGE:
        raise SpreadsheetProblem("is no whole .xlsx workbook; was it copied to its end?") from None
    # The sizes that the archive states also bound what is unpacked of each part.
    if len(listed) > MOST_PARTS or sum(part.file_size for part in listed) > MOST_BYTES:
        raise SpreadsheetProblem("unpacks to more than 128 MiB; keep only the sheet that is meant, or save it as CSV")


def _rows(raw: bytes, sheet: str) -> Iterator[tuple[int, list[str]]]:
    from openpyxl import load_workbook

    # data_only: the values that the spreadsheet program saved; links to other files are not followed.
    book = load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False, keep_vba=False, rich_text=False)
    try:
        names = [page.title for page in book.worksheets]
        if not names or (sheet and sheet not in names):
            raise SpreadsheetProblem(f"has no sheet {sheet!r}; there are: {', '.join(names) or 'none'}")
        page = book[sheet or names[0]]
        page.reset_dimensions()  # what the sheet says of its size may be wrong
        rows = page.iter_rows(max_col=MOST_COLUMNS, values_only=True)
        for number, cells in enumerate(islice(rows, MOST_ROWS), 1):
            texts = [_text(cell) for cell in cells]
            if any(texts):
                yield number, texts
    finally:
        book.close()


def _text(value: object) -> str:
    """A cell as a CSV file would hold it; days in ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ", timespec="seconds")
    return str(value)[:LONGEST_TEXT].strip()


def named_columns(rows: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows by the names that the first one gives to its columns; that one comes first, with its names alone."""
    numbered = iter(rows)
    _, names = next(numbered, (0, []))
    yield 0, {name: name for name in names if name}
    for number, texts in numbered:
        yield number, {name: text for name, text in zip(names, texts, strict=True) if name}
