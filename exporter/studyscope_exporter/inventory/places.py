"""Where records come from: source and item, so that a person at the site can look at the case itself."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """An item of a source: its inventory number, and its key where it is no file."""

    source: str
    number: int
    item: bytes | None


_OF = {
    "job": "SELECT item FROM job WHERE job_key = ? ORDER BY number DESC",
    "segmentation": "SELECT item FROM segmentation WHERE segmentation_key = ? ORDER BY number DESC",
    "series": "SELECT described_by FROM series WHERE series_key = ? ORDER BY first_seen, number",
    "patient": "SELECT described_by FROM series WHERE patient_key = ? ORDER BY first_seen, number",
    "study": "SELECT described_by FROM series WHERE study_key = ? ORDER BY first_seen, number",
}


def place_of(db: sqlite3.Connection, table: str, key: bytes) -> Place | None:
    """The item of the newest job or segmentation, or of the first series, with this key."""
    found = db.execute(f"{_OF[table]} LIMIT 1", (key,)).fetchone()
    return found and place(db, int(found[0]))


def place(db: sqlite3.Connection, number: int) -> Place | None:
    """The item with this inventory number."""
    query = "SELECT source.name, item.number, item.key FROM item JOIN source ON source.number = item.source WHERE item.number = ?"
    row = db.execute(query, (number,)).fetchone()
    return row and Place(row[0], int(row[1]), row[2])


def series_of(db: sqlite3.Connection, table: str, key: bytes) -> list[bytes]:
    """Keys of the series of a patient, study or series."""
    query = f"SELECT DISTINCT series_key FROM series WHERE {table}_key = ? ORDER BY series_key"
    return [bytes(found) for (found,) in db.execute(query, (key,))]
