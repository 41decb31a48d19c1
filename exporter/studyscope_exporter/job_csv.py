"""Jobs from a CSV file, as spreadsheets and schedulers write them."""

from __future__ import annotations

import csv
import datetime as dt
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding
from studyscope_exporter.job_events import JobFields
from studyscope_exporter.job_table import Row, TableUnusable, ZoneName, require_columns

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.parsers import TextFileReader

ROWS_AT_ONCE = 2000
_LONGEST_HEAD = 64 * 1024


class CsvFormat(Strict):
    """How the file is written."""

    encoding: Encoding = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] | None = Field(default=None, description="the one that the first line holds most of")
    decimal: Literal[".", ","] = "."
    time_format: str = Field(default="", max_length=64, description="as in Python's strptime; ISO 8601 or seconds when left out")
    time_zone: ZoneName = Field(default="UTC", description="of times that name none")


def stamp_of(path: Path) -> str:
    """Changes when the file does; raises OSError."""
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"


def rows(path: Path, how: CsvFormat, fields: JobFields, workflow: str, bad: Callable[[str], None]) -> Iterator[list[Row]]:
    """Rows in pieces of ROWS_AT_ONCE; `bad` is told the reason of each row that is none. Raises TableUnusable, OSError."""
    import pandas as pd

    def too_long(_: list[str]) -> None:
        bad("too many columns")

    encoding = "utf-8-sig" if how.encoding == "utf-8" else how.encoding
    try:
        with pd.read_csv(
            path,
            sep=how.delimiter or _delimiter(path, encoding),
            encoding=encoding,
            dtype=str,
            keep_default_na=False,
            index_col=False,
            chunksize=ROWS_AT_ONCE,
            engine="python",  # the only one that tells of rows with too many columns
            on_bad_lines=too_long,
        ) as table:
            for piece in _pieces(table):
                piece.columns = piece.columns.str.strip()
                require_columns(piece.columns, fields, workflow)
                yield [_row(values, how, fields) for values in piece.fillna("").to_dict("records")]
    except UnicodeError:
        raise TableUnusable(
            f"{path} is not {how.encoding}; set csv.encoding (Excel in western Europe: cp1252)", temporary=False
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error):
        raise TableUnusable(f"{path} is empty or no CSV table; write it anew", temporary=True) from None


def _pieces(table: TextFileReader) -> Iterator[pd.DataFrame]:
    """The pieces of a table; a delimiter at the end of each row but the first makes no column, and is nothing to warn of."""
    import pandas as pd

    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            piece = next(table, None)
        if piece is None:
            return
        yield piece


def _delimiter(path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        begin = file.read(_LONGEST_HEAD)
    head = begin.decode(encoding, "replace").split("\n", 1)[0]
    return max(",;\t|", key=head.count)


def _row(values: Mapping[Hashable, str], how: CsvFormat, fields: JobFields) -> Row:
    row: dict[str, object] = {str(name): value.strip() for name, value in values.items()}
    for name in (fields.queued_at, fields.started_at, fields.finished_at):
        if name in row:
            row[name] = _time(str(row[name]), how)
    return row


def _time(text: str, how: CsvFormat) -> object:
    """A time or a number of seconds; the text itself where it is neither, so that the row is counted as one with a bad time."""
    if not text:
        return None
    try:
        if how.time_format:
            time = dt.datetime.strptime(text, how.time_format)  # noqa: DTZ007 - the zone follows below
        else:
            number = text.replace(",", ".") if how.decimal == "," else text
            if number.replace(".", "", 1).isdigit():
                return float(number)
            time = dt.datetime.fromisoformat(text)
    except ValueError:
        return "not a time"
    return time.replace(tzinfo=ZoneInfo(how.time_zone)) if time.tzinfo is None else time
