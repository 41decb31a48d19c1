"""The PostgreSQL store's tables and how an older database is brought up to date."""

from __future__ import annotations

from typing import Any

import psycopg

_STEPS = (
    b"""
    CREATE TABLE reports (
        study text NOT NULL, site text NOT NULL, sequence bigint NOT NULL,
        grid_point bigint NOT NULL, grid_time timestamptz NOT NULL, activity_since timestamptz NOT NULL,
        sha256 text NOT NULL, accepted_at timestamptz NOT NULL,
        retracted_at timestamptz, retracted_why text,
        body bytea NOT NULL,
        PRIMARY KEY (study, site, sequence)
    );
    CREATE TABLE refusals (
        study text NOT NULL, site text NOT NULL, reason text NOT NULL,
        count bigint NOT NULL, last_at timestamptz NOT NULL, last_message text NOT NULL,
        PRIMARY KEY (study, site, reason)
    );
    CREATE TABLE history_marks (
        study text NOT NULL, site text NOT NULL, sequence bigint NOT NULL, day date NOT NULL,
        PRIMARY KEY (study, site)
    );
    """,
    b"CREATE INDEX reports_shown ON reports (study, site, sequence) WHERE retracted_at IS NULL",
    b"""
    CREATE TABLE retractions (
        number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, study text NOT NULL, site text NOT NULL,
        first bigint NOT NULL, last bigint NOT NULL, why text NOT NULL, at timestamptz NOT NULL,
        purged boolean NOT NULL, in_history boolean NOT NULL
    );
    INSERT INTO retractions (study, site, first, last, why, at, purged, in_history)
        SELECT study, site, min(sequence), max(sequence), retracted_why, retracted_at, false, false FROM reports
        WHERE retracted_at IS NOT NULL GROUP BY study, site, retracted_why, retracted_at;
    """,
)
"""One script per schema version; an old database runs those that it has not had."""

VERSION = len(_STEPS)


class NewerStore(Exception):
    """The database was written by a newer release."""


def bring_up_to_date(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Makes or migrates the tables, all or nothing, one aggregator at a time; raises NewerStore."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('studyscope schema', 0))")
        connection.execute("CREATE TABLE IF NOT EXISTS store_schema (version integer NOT NULL)")
        found = connection.execute("SELECT version FROM store_schema").fetchone()
        version = 0 if found is None else int(found[0])
        if version > VERSION:
            raise NewerStore(f"the store has schema {version}, this release knows {VERSION}: run the newer release")
        for number in range(version, VERSION):
            connection.execute(_STEPS[number])
        if found is None:
            connection.execute("INSERT INTO store_schema VALUES (%s)", (VERSION,))
        elif version < VERSION:
            connection.execute("UPDATE store_schema SET version = %s", (VERSION,))
