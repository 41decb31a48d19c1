"""Jobs in a table instead of a log: what a CSV file and a database query have in common.

TableUnusable    no row could be read; the message says what to change
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

from studyscope_exporter.csv_table import NamesColumns, missing_column
from studyscope_exporter.job_events import JobFields

Row = Mapping[str, Any]


class TableUnusable(NamesColumns):
    """A table as a whole cannot be read; `temporary` tells whether trying again later can help."""

    def __init__(self, message: str, *, temporary: bool, there: Sequence[str] = ()) -> None:
        super().__init__(message, there)
        self.temporary = temporary


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}; such as Europe/Berlin or UTC") from None
    return name


ZoneName = Annotated[str, AfterValidator(_known_zone)]


def require_columns(there: Iterable[str], fields: JobFields, workflow: str) -> None:
    """Raises TableUnusable where a table cannot say which run, of what, and how it went."""
    columns = list(there)
    wanted = [fields.id, fields.state] + ([] if workflow else [fields.workflow])
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise TableUnusable(
            f"the table {missing_column(missing, columns)}. Say under `fields` how columns are called, and `workflow` where no "
            "column says it",
            temporary=False,
            there=columns,
        )


def plain(value: object, zone: ZoneInfo) -> object:
    """A value of a database or table as texts, numbers and aware times; a time without a zone is one of `zone`."""
    match value:
        case dt.datetime():
            return value.replace(tzinfo=zone) if value.tzinfo is None else value
        case dt.date():
            return dt.datetime(value.year, value.month, value.day, tzinfo=zone)
        case Decimal():
            return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
        case uuid.UUID():
            return str(value)
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case _:
            return value
