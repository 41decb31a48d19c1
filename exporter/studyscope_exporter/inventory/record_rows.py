"""Records as rows: what one item of a source holds, put and replaced as a whole."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from studyscope_exporter.inventory.reading import Reading
from studyscope_exporter.inventory.result_rows import RESULT_TABLES, Result
from studyscope_exporter.records import ImagingSeries, Job

_SERIES_FIELDS = tuple(field.name for field in fields(ImagingSeries))
_MARKS = ", ".join("?" * len(_SERIES_FIELDS))
_INSERT_SERIES = f"INSERT INTO series ({', '.join(_SERIES_FIELDS)}, source, described_by, first_seen) VALUES ({_MARKS}, ?, ?, ?)"
_UPDATE_SERIES = f"UPDATE series SET ({', '.join(_SERIES_FIELDS)}, described_by) = ({_MARKS}, ?) WHERE number = ?"
_FIND_SERIES = """
SELECT number, described_by,
       EXISTS (SELECT 1 FROM item WHERE item.number = series.described_by AND item.series = series.number)
FROM series WHERE source = ? AND series_key = ?
"""
_REMEMBERED_SERIES = 4096

ItemRow = tuple[int, int, int | None, bytes | None, int | None, int | None, int, str | None, str | None]
NumberedItem = tuple[int, bytes | None, Reading]
_INSERT_ITEM = """
INSERT INTO item (number, source, folder, key, series, instance, instances, unreadable, ignored)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class RecordRows:
    """Writes what items hold; the caller holds the transaction."""

    def __init__(self, db: sqlite3.Connection, today: Callable[[], dt.date]) -> None:
        self._db = db
        self._today = today
        # number and describing item of the series met last: nearly every file is of one of them
        self._series: dict[tuple[int, bytes], tuple[int, int]] = {}

    def put(self, source: int, folder: int | None, items: Iterable[NumberedItem], replaced: Collection[int] = ()) -> None:
        """The items, as (number, key, reading); those `replaced` go first, and what they share keeps its first day."""
        days = self._first_days(replaced)
        self.remove(replaced)
        rows: list[ItemRow] = []
        extra: list[tuple[int, Result]] = []
        for number, key, reading in items:
            series = None
            for record in reading.records:
                if not isinstance(record, ImagingSeries):
                    extra.append((number, record))
                elif series is None:
                    series = self._series_number(source, number, record)
                else:
                    raise ValueError("an item holds at most one series")
            instance = int.from_bytes(reading.instance[:8], "little", signed=True) if reading.instance else None
            unreadable, ignored = reading.unreadable or None, reading.ignored or None
            rows.append((number, source, folder, key, series, instance, reading.instances, unreadable, ignored))
        self._db.executemany(_INSERT_ITEM, rows)
        for number, other in extra:
            self._put_result(number, other, days)

    def remove(self, numbers: Iterable[int]) -> None:
        """Items with everything that only they hold, but for series: see `forget_empty_series`."""
        self._db.executemany("DELETE FROM item WHERE number = ?", ((number,) for number in numbers))

    def forget_empty_series(self) -> None:
        """Series lose their row once no item is left of them.

        Done at the end of a pass, so that a series whose files moved keeps the day it was first seen.
        """
        self._db.execute("DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM item WHERE item.series = series.number)")
        self._series.clear()

    def forget_what_was_met(self) -> None:
        """After a rollback: rows that were met may not exist."""
        self._series.clear()

    def _first_days(self, numbers: Collection[int]) -> dict[bytes, str]:
        days: dict[bytes, str] = {}
        for table in RESULT_TABLES.values():
            query = f"SELECT {table.name}_key, first_seen FROM {table.name} WHERE item = ?"
            for number in numbers:
                days.update(self._db.execute(query, (number,)))
        return days

    def _series_number(self, source: int, item: int, record: ImagingSeries) -> int:
        """The series' row; the item that described it first goes on describing it while it exists."""
        met = self._series.get((source, record.series_key))
        if met and met[1] != item:
            return met[0]
        found = self._db.execute(_FIND_SERIES, (source, record.series_key)).fetchone()
        if found is None:
            values = (*_series_values(record), source, item, self._today().isoformat())
            number, described_by = int(self._db.execute(_INSERT_SERIES, values).lastrowid or 0), item
        else:
            number, described_by, still_there = found
            if described_by == item or not still_there:
                self._db.execute(_UPDATE_SERIES, (*_series_values(record), item, number))
                described_by = item
        if len(self._series) >= _REMEMBERED_SERIES:
            self._series.clear()
        self._series[source, record.series_key] = (number, described_by)
        return number

    def _put_result(self, item: int, record: Result, days: Mapping[bytes, str]) -> None:
        table = RESULT_TABLES[type(record)]
        key: bytes = getattr(record, f"{table.name}_key")
        first_seen = days.get(key) or self._first_seen(table.name, key)
        values = (item, first_seen, *(_plain(getattr(record, name)) for name in table.columns))
        number = self._insert(table.name, ("item", "first_seen", *table.columns), values)
        if table.parts:
            columns = (table.name, "position", *table.part_columns)
            self._db.executemany(
                f"INSERT INTO {table.part_table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
                (
                    (number, position, *(getattr(part, name) for name in table.part_columns))
                    for position, part in enumerate(getattr(record, table.parts))
                ),
            )

    def _insert(self, table: str, columns: Sequence[str], values: Sequence[object]) -> int:
        marks = ", ".join("?" * len(columns))
        return int(self._db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values).lastrowid or 0)

    def jobs(self, query: str, values: tuple[object, ...]) -> list[Job]:
        """The jobs in the rows that `query` gives."""
        cursor = self._db.execute(query, values)
        columns = [name for name, *_ in cursor.description]
        return [_job(dict(zip(columns, row, strict=True))) for row in cursor]

    def _first_seen(self, table: str, key: bytes) -> str:
        # A moved file is put under its new name before the old one is removed, so its day is still here.
        query = f"SELECT min(first_seen) FROM {table} WHERE {table}_key = ?"
        (day,) = self._db.execute(query, (key,)).fetchone()
        return day or self._today().isoformat()


def _job(stored: dict[str, Any]) -> Job:
    for name in ("queued_at", "started_at", "finished_at"):
        stored[name] = stored[name] and dt.datetime.fromisoformat(stored[name])
    return Job(**{field.name: stored[field.name] for field in fields(Job)})


def _series_values(record: ImagingSeries) -> tuple[object, ...]:
    return tuple(_plain(getattr(record, name)) for name in _SERIES_FIELDS)


def _plain(value: object) -> object:
    if isinstance(value, dt.datetime):
        # A fixed width, so that the texts sort as the times do.
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, dt.date) else value
