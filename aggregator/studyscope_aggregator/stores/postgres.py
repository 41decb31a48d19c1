"""The store in PostgreSQL, for several aggregators on one database: every commit on the disk before it is answered.

Two aggregators never take the same sequence number twice: an advisory lock per site orders them, and
the primary key is the last word. A connection that broke is opened anew at the next call.
"""

from __future__ import annotations

import datetime as dt
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import psycopg

from studyscope_aggregator.store import Entry, HistoryMark, Last, Receipt, Refusals, Retraction, SequenceTaken, StoreUnavailable
from studyscope_aggregator.stores import postgres_retractions
from studyscope_aggregator.stores.group_commit import GroupCommit, Job, settle
from studyscope_aggregator.stores.postgres_schema import NewerStore, bring_up_to_date

Connection = psycopg.Connection[tuple[Any, ...]]
Write = Callable[[Connection], None]

_ENTRY = "study, site, sequence, grid_point, sha256, accepted_at, body, grid_time, activity_since"
_CONNECT_SECONDS = 10


class PostgresStore:
    """`ReportStore` in the database that `conninfo` names (libpq's form); tables are made. Raises StoreUnavailable.

    `where` is what messages call the database: never the conninfo, which may hold a password.
    """

    def __init__(self, conninfo: str, where: str) -> None:
        self._conninfo, self._where = conninfo, where
        self._write_connection: Connection | None = None
        self._read_connection: Connection | None = None
        self._read_lock, self._closed = threading.Lock(), False
        try:
            with self._connected() as connection:
                bring_up_to_date(connection)
        except (psycopg.Error, NewerStore) as error:
            raise StoreUnavailable(f"{where} cannot be opened as a store: {_words(error)}") from None
        self._writes: GroupCommit[Write] = GroupCommit(where, self._commit)

    def append(self, entry: Entry) -> Future[None]:
        receipt, body = entry.receipt, zlib.compress(entry.body, 1)

        def write(connection: Connection) -> None:
            site = (receipt.study, receipt.site)
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", ("\n".join(site),))
            found = connection.execute("SELECT max(sequence) FROM reports WHERE study = %s AND site = %s", site).fetchone()
            if found is not None and found[0] is not None and found[0] >= receipt.sequence:
                raise SequenceTaken(receipt.study, receipt.site, receipt.sequence)
            values = (*site, receipt.sequence, receipt.grid_point, receipt.sha256, receipt.accepted_at, body)
            connection.execute(
                f"INSERT INTO reports ({_ENTRY}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (*values, entry.grid_time, entry.activity_since),
            )

        return self._writes.submit(write)

    def receipt(self, study: str, site: str, sequence: int) -> Receipt | None:
        rows = self._read(
            "SELECT study, site, sequence, grid_point, sha256, accepted_at FROM reports "
            "WHERE study = %s AND site = %s AND sequence = %s",
            (study, site, sequence),
        )
        return _receipt(rows[0]) if rows else None

    def last(self, study: str, site: str) -> Last | None:
        rows = self._read(
            "SELECT sequence, grid_time FROM reports WHERE study = %s AND site = %s ORDER BY sequence DESC LIMIT 1",
            (study, site),
        )
        return Last(rows[0][0], _utc(rows[0][1])) if rows else None

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
            f"SELECT {_ENTRY} FROM reports WHERE study = %s AND site = %s AND sequence > %s AND retracted_at IS NULL "
            "ORDER BY sequence LIMIT %s",
            (study, site, after, limit),
        )
        return [_entry(row) for row in rows]

    def count_refusal(self, study: str, site: str, reason: str, at: dt.datetime, message: str) -> Future[None]:
        def write(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO refusals VALUES (%s, %s, %s, 1, %s, %s) ON CONFLICT (study, site, reason) DO UPDATE SET "
                "count = refusals.count + 1, last_at = excluded.last_at, last_message = excluded.last_message",
                (study, site, reason, at, message),
            )

        return self._writes.submit(write)

    def refusals(self) -> Mapping[tuple[str, str, str], Refusals]:
        rows = self._read("SELECT study, site, reason, count, last_at, last_message FROM refusals", ())
        return {(row[0], row[1], row[2]): Refusals(row[3], _utc(row[4]), row[5]) for row in rows}

    def retract(self, study: str, site: str, first: int, last: int, why: str, at: dt.datetime) -> Future[None]:
        made = Retraction(0, study, site, first, last, why, at)
        return self._writes.submit(lambda connection: postgres_retractions.put(connection, made))

    def purge(self, study: str, site: str, first: int, last: int, why: str, at: dt.datetime) -> Future[None]:
        made = Retraction(0, study, site, first, last, why, at, purged=True)
        return self._writes.submit(lambda connection: postgres_retractions.put(connection, made))

    def retractions(self) -> list[Retraction]:
        rows = self._read(f"SELECT {postgres_retractions.COLUMNS} FROM retractions ORDER BY number", ())
        return [postgres_retractions.retraction((*row[:6], _utc(row[6]), *row[7:])) for row in rows]

    def set_in_history(self, retraction: int) -> Future[None]:
        def write(connection: Connection) -> None:
            connection.execute("UPDATE retractions SET in_history = true WHERE number = %s", (retraction,))

        return self._writes.submit(write)

    def entry(self, study: str, site: str, sequence: int) -> Entry | None:
        rows = self._read(
            f"SELECT {_ENTRY} FROM reports WHERE study = %s AND site = %s AND sequence = %s AND length(body) > 0",
            (study, site, sequence),
        )
        return _entry(rows[0]) if rows else None

    def newest_of(self, study: str, site: str) -> Entry | None:
        rows = self._read(
            f"SELECT {_ENTRY} FROM reports WHERE study = %s AND site = %s AND retracted_at IS NULL "
            "ORDER BY sequence DESC LIMIT 1",
            (study, site),
        )
        return _entry(rows[0]) if rows else None

    def grid_times(self, study: str, site: str, first: int) -> list[tuple[int, dt.datetime]]:
        rows = self._read(
            "SELECT sequence, grid_time FROM reports WHERE study = %s AND site = %s AND sequence >= %s ORDER BY sequence",
            (study, site, first),
        )
        return [(sequence, _utc(at)) for sequence, at in rows]

    def history_mark(self, study: str, site: str) -> HistoryMark | None:
        rows = self._read("SELECT sequence, day FROM history_marks WHERE study = %s AND site = %s", (study, site))
        return HistoryMark(rows[0][0], rows[0][1]) if rows else None

    def set_history_mark(self, study: str, site: str, mark: HistoryMark) -> Future[None]:
        def write(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO history_marks VALUES (%s, %s, %s, %s) ON CONFLICT (study, site) DO UPDATE SET "
                "sequence = excluded.sequence, day = excluded.day",
                (study, site, mark.sequence, mark.day),
            )

        return self._writes.submit(write)

    def ready(self) -> None:
        try:
            self._writes.submit(_touch).result(timeout=5)
        except TimeoutError:
            raise StoreUnavailable(f"{self._where} takes longer than 5 s to write: look at the database server") from None

    def close(self) -> None:
        if not self._writes.close():
            return
        with self._read_lock:
            self._closed = True
            for connection in (self._read_connection, self._write_connection):
                if connection is not None:
                    connection.close()

    def _connected(self) -> Connection:
        return psycopg.connect(self._conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS)

    def _read(self, query: str, values: Sequence[str | int]) -> list[tuple[Any, ...]]:
        with self._read_lock:
            if self._closed:
                raise StoreUnavailable(f"{self._where}: the store is closed")
            try:
                if self._read_connection is None or self._read_connection.closed:
                    self._read_connection = self._connected()
                return self._read_connection.execute(query.encode(), values).fetchall()
            except psycopg.Error as error:
                raise StoreUnavailable(f"{self._where} cannot be read: {_words(error)}") from None

    def _commit(self, batch: Sequence[Job[Write]]) -> None:
        taken: dict[int, Exception] = {}
        try:
            if self._write_connection is None or self._write_connection.closed:
                self._write_connection = self._connected()
            connection = self._write_connection
            with connection.transaction():
                for position, (write, _) in enumerate(batch):
                    try:
                        write(connection)
                    except SequenceTaken as refusal:
                        taken[position] = refusal
        except psycopg.Error as error:
            if self._write_connection is not None:
                self._write_connection.close()
            problem = StoreUnavailable(f"{self._where} cannot be written: {_words(error)}")
            settle(batch, dict.fromkeys(range(len(batch)), problem))
            return
        settle(batch, taken)


def _touch(connection: Connection) -> None:
    """A write that changes nothing but needs everything that a write needs."""
    connection.execute("UPDATE store_schema SET version = version")


def _words(error: Exception) -> str:
    """The first line of what the database says; more of it may quote a report."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _entry(row: Sequence[Any]) -> Entry:
    return Entry(_receipt(row), zlib.decompress(row[6]), _utc(row[7]), _utc(row[8]))


def _receipt(row: Sequence[Any]) -> Receipt:
    study, site, sequence, grid_point, sha256, accepted_at = row[:6]
    return Receipt(study, site, sequence, grid_point, sha256, _utc(accepted_at))


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC)
