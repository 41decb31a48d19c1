"""Reports taken back, in the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from studyscope_aggregator.store import Retraction
from studyscope_aggregator.stores.sqlite_schema import micros, moment

COLUMNS = "number, study, site, first, last, why, at, purged, in_history"


def put(connection: sqlite3.Connection, made: Retraction) -> None:
    """Marks the span and remembers the act; `made.number` is given by the store."""
    span = made.study, made.site, made.first, made.last
    connection.execute(
        "UPDATE reports SET retracted_at = ?, retracted_why = ? "
        "WHERE study = ? AND site = ? AND sequence BETWEEN ? AND ? AND retracted_at IS NULL",
        (micros(made.at), made.why, *span),
    )
    if made.purged:
        # Pages that held a purged report are overwritten, not just given free.
        connection.execute("UPDATE reports SET body = x'' WHERE study = ? AND site = ? AND sequence BETWEEN ? AND ?", span)
    connection.execute(
        f"INSERT INTO retractions ({COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, 0)",
        (*span, made.why, micros(made.at), int(made.purged)),
    )


def retraction(row: Sequence[Any]) -> Retraction:
    number, study, site, first, last, why, at, purged, in_history = row
    return Retraction(number, study, site, first, last, why, moment(at), bool(purged), bool(in_history))
