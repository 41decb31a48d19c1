"""Reports taken back, in the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from studyscope_aggregator.store import Retraction

COLUMNS = "number, study, site, first, last, why, at, purged, in_history"


def put(connection: psycopg.Connection[tuple[Any, ...]], made: Retraction) -> None:
    """Marks the span and remembers the act; `made.number` is given by the database."""
    span = made.study, made.site, made.first, made.last
    connection.execute(
        "UPDATE reports SET retracted_at = %s, retracted_why = %s "
        "WHERE study = %s AND site = %s AND sequence BETWEEN %s AND %s AND retracted_at IS NULL",
        (made.at, made.why, *span),
    )
    if made.purged:
        connection.execute("UPDATE reports SET body = '' WHERE study = %s AND site = %s AND sequence BETWEEN %s AND %s", span)
    connection.execute(
        "INSERT INTO retractions (study, site, first, last, why, at, purged, in_history) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, false)",
        (*span, made.why, made.at, made.purged),
    )


def retraction(row: Sequence[Any]) -> Retraction:
    number, study, site, first, last, why, at, purged, in_history = row
    return Retraction(number, study, site, first, last, why, at, purged, in_history)
