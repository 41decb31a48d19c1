"""The SQLite store's tables and how an older file is brought up to date."""

from __future__ import annotations

import datetime as dt
import sqlite3

APPLICATION_ID = 0x53544459  # "STDY"; tells `file` and us what a database is

_STEPS = (
    """
    CREATE TABLE reports (
        study TEXT NOT NULL, site TEXT NOT NULL, sequence INTEGER NOT NULL,
        grid_point INTEGER NOT NULL, grid_time INTEGER NOT NULL, activity_since INTEGER NOT NULL,
        sha256 TEXT NOT NULL, accepted_at INTEGER NOT NULL,
        retracted_at INTEGER, retracted_why TEXT,
        body BLOB NOT NULL,
        PRIMARY KEY (study, site, sequence)
    ) STRICT;
    CREATE TABLE refusals (
        study TEXT NOT NULL, site TEXT NOT NULL, reason TEXT NOT NULL,
        count INTEGER NOT NULL, last_at INTEGER NOT NULL, last_message TEXT NOT NULL,
        PRIMARY KEY (study, site, reason)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE history_marks (
        study TEXT NOT NULL, site TEXT NOT NULL, sequence INTEGER NOT NULL, day TEXT NOT NULL,
        PRIMARY KEY (study, site)
    ) STRICT, WITHOUT ROWID;
    """,
    "CREATE INDEX reports_shown ON reports (study, site, sequence) WHERE retracted_at IS NULL;",
    """
    CREATE TABLE retractions (
        number INTEGER PRIMARY KEY, study TEXT NOT NULL, site TEXT NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL, why TEXT NOT NULL, at INTEGER NOT NULL,
        purged INTEGER NOT NULL, in_history INTEGER NOT NULL
    ) STRICT;
    INSERT INTO retractions (study, site, first, last, why, at, purged, in_history)
        SELECT study, site, min(sequence), max(sequence), retracted_why, retracted_at, 0, 0 FROM reports
        WHERE retracted_at IS NOT NULL GROUP BY study, site, retracted_why, retracted_at;
    """,
)
"""One script per schema version; an old file runs those that it has not had."""

VERSION = len(_STEPS)


class NewerStore(Exception):
    """The file was written by a newer release."""


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Makes or migrates the tables, all or nothing; raises NewerStore."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise NewerStore(f"the store has schema {version}, this release knows {VERSION}: run the newer release")
    for number in range(version, VERSION):
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number + 1};"
        connection.executescript(f"BEGIN IMMEDIATE; {_STEPS[number]} {marks} COMMIT;")


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def micros(at: dt.datetime) -> int:
    """A moment as the tables hold it: microseconds since 1970."""
    return (at - _EPOCH) // dt.timedelta(microseconds=1)


def moment(micros: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=micros)
