"""The store in one SQLite file: write-ahead log, every commit on the disk before it is answered.

One thread writes (see group_commit). Reads have a connection of their own.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from isal import isal_zlib

from studyscope_aggregator.store import Entry, HistoryMark, Last, Receipt, Refusals, Retraction, SequenceTaken, StoreUnavailable
from studyscope_aggregator.stores import sqlite_retractions
from studyscope_aggregator.stores.group_commit import GroupCommit, Job, settle
from studyscope_aggregator.stores.sqlite_schema import NewerStore, bring_up_to_date, micros, moment

Write = Callable[[sqlite3.Connection], None]

_ENTRY = "study, site, sequence, grid_point, sha256, accepted_at, body, grid_time, activity_since"


class SqliteStore:
    """`ReportStore` in the file at `path`; the folder is made when it is missing. Raises StoreUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer, self._reader = _connect(path), _connect(path)
            bring_up_to_date(self._writer)
        except (sqlite3.Error, OSError, NewerStore) as error:
            raise StoreUnavailable(f"{path} cannot be opened as a store: {error}") from error
        self._read_lock = threading.Lock()
        self._writes: GroupCommit[Write] = GroupCommit(str(path), self._commit)

    def append(self, entry: Entry) -> Future[None]:
        receipt = entry.receipt

        def write(connection: sqlite3.Connection) -> None:
            # One statement: each is a turn that this thread and the event loop have to wait for one another.
            inserted = connection.execute(
                f"INSERT INTO reports ({_ENTRY}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 "
                "WHERE NOT EXISTS (SELECT 1 FROM reports WHERE study = ?1 AND site = ?2 AND sequence >= ?3)",
                (
                    receipt.study,
                    receipt.site,
                    receipt.sequence,
                    receipt.grid_point,
                    receipt.sha256,
                    micros(receipt.accepted_at),
                    isal_zlib.compress(entry.body, 1),
                    micros(entry.grid_time),
                    micros(entry.activity_since),
                ),
            )
            if inserted.rowcount != 1:
                raise SequenceTaken(receipt.study, receipt.site, receipt.sequence)

        return self._writes.submit(write)

    def receipt(self, study: str, site: str, sequence: int) -> Receipt | None:
        rows = self._read(
            "SELECT study, site, sequence, grid_point, sha256, accepted_at FROM reports "
            "WHERE study = ? AND site = ? AND sequence = ?",
            (study, site, sequence),
        )
        return _receipt(rows[0]) if rows else None

    def last(self, study: str, site: str) -> Last | None:
        rows = self._read(
            "SELECT sequence, grid_time FROM reports WHERE study = ? AND site = ? ORDER BY sequence DESC LIMIT 1", (study, site)
        )
        return Last(rows[0][0], moment(rows[0][1])) if rows else None

    def newest(self) -> Iterator[Entry]:
        keys = self._read(
            "SELECT study, site, max(sequence) FROM reports WHERE retracted_at IS NULL GROUP BY study, site ORDER BY study, site",
            (),
        )
        for study, site, sequence in keys:
            yield from self.reports(study, site, sequence - 1, 1)

    def heads(self) -> Mapping[tuple[str, str], int]:
        rows = self._read("SELECT study, site, max(sequence) FROM reports WHERE retracted_at IS NULL GROUP BY study, site", ())
        return {(study, site): sequence for study, site, sequence in rows}

    def reports(self, study: str, site: str, after: int, limit: int) -> list[Entry]:
        rows = self._read(
            f"SELECT {_ENTRY} FROM reports WHERE study = ? AND site = ? AND sequence > ? AND retracted_at IS NULL "
            "ORDER BY sequence LIMIT ?",
            (study, site, after, limit),
        )
        return [_entry(row) for row in rows]

    def count_refusal(self, study: str, site: str, reason: str, at: dt.datetime, message: str) -> Future[None]:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO refusals VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET "
                "count = count + 1, last_at = excluded.last_at, last_message = excluded.last_message",
                (study, site, reason, micros(at), message),
            )

        return self._writes.submit(write)

    def refusals(self) -> Mapping[tuple[str, str, str], Refusals]:
        rows = self._read("SELECT study, site, reason, count, last_at, last_message FROM refusals", ())
        return {row[:3]: Refusals(row[3], moment(row[4]), row[5]) for row in rows}

    def retract(self, study: str, site: str, first: int, last: int, why: str, at: dt.datetime) -> Future[None]:
        made = Retraction(0, study, site, first, last, why, at)
        return self._writes.submit(lambda connection: sqlite_retractions.put(connection, made))

    def purge(self, study: str, site: str, first: int, last: int, why: str, at: dt.datetime) -> Future[None]:
        made = Retraction(0, study, site, first, last, why, at, purged=True)
        return self._writes.submit(lambda connection: sqlite_retractions.put(connection, made))

    def retractions(self) -> list[Retraction]:
        rows = self._read(f"SELECT {sqlite_retractions.COLUMNS} FROM retractions ORDER BY number", ())
        return [sqlite_retractions.retraction(row) for row in rows]

    def set_in_history(self, retraction: int) -> Future[None]:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE retractions SET in_history = 1 WHERE number = ?", (retraction,))

        return self._writes.submit(write)

    def entry(self, study: str, site: str, sequence: int) -> Entry | None:
        rows = self._read(
            f"SELECT {_ENTRY} FROM reports WHERE study = ? AND site = ? AND sequence = ? AND length(body) > 0",
            (study, site, sequence),
        )
        return _entry(rows[0]) if rows else None

    def newest_of(self, study: str, site: str) -> Entry | None:
        rows = self._read(
            f"SELECT {_ENTRY} FROM reports WHERE study = ? AND site = ? AND retracted_at IS NULL ORDER BY sequence DESC LIMIT 1",
            (study, site),
        )
        return _entry(rows[0]) if rows else None

    def grid_times(self, study: str, site: str, first: int) -> list[tuple[int, dt.datetime]]:
        rows = self._read(
            "SELECT sequence, grid_time FROM reports WHERE study = ? AND site = ? AND sequence >= ? ORDER BY sequence",
            (study, site, first),
        )
        return [(sequence, moment(at)) for sequence, at in rows]

    def history_mark(self, study: str, site: str) -> HistoryMark | None:
        rows = self._read("SELECT sequence, day FROM history_marks WHERE study = ? AND site = ?", (study, site))
        return HistoryMark(rows[0][0], dt.date.fromisoformat(rows[0][1])) if rows else None

    def set_history_mark(self, study: str, site: str, mark: HistoryMark) -> Future[None]:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO history_marks VALUES (?, ?, ?, ?)", (study, site, mark.sequence, mark.day.isoformat())
            )

        return self._writes.submit(write)

    def ready(self) -> None:
        try:
            self._writes.submit(_touch).result(timeout=5)
        except TimeoutError:
            raise StoreUnavailable(f"{self._path} takes longer than 5 s to write: look at its disk") from None

    def close(self) -> None:
        if self._writes.close():
            with self._read_lock:
                self._reader.close()
            self._writer.close()

    def _read(self, query: str, values: tuple[str | int, ...]) -> list[Any]:
        try:
            with self._read_lock:
                return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path} cannot be read: {error}") from error

    def _commit(self, batch: Sequence[Job[Write]]) -> None:
        taken: dict[int, Exception] = {}
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for position, (write, _) in enumerate(batch):
                try:
                    write(self._writer)
                except SequenceTaken as refusal:
                    taken[position] = refusal
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            _roll_back(self._writer)
            problem = StoreUnavailable(f"{self._path} cannot be written: {error}; look at the disk's free space and rights")
            settle(batch, dict.fromkeys(range(len(batch)), problem))
            return
        settle(batch, taken)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def _touch(connection: sqlite3.Connection) -> None:
    """A write that changes nothing but needs everything that a write needs."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {version}")


def _roll_back(connection: sqlite3.Connection) -> None:
    """A failed COMMIT on a full disk may or may not have left the transaction open."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _entry(row: Sequence[Any]) -> Entry:
    return Entry(_receipt(row), zlib.decompress(row[6]), moment(row[7]), moment(row[8]))


def _receipt(row: Sequence[Any]) -> Receipt:
    study, site, sequence, grid_point, sha256, accepted_at = row[:6]
    return Receipt(study, site, sequence, grid_point, sha256, moment(accepted_at))
