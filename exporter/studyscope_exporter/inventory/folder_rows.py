"""Folders of a source: one sealed listing and one keyed digest each."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from studyscope_exporter.inventory.listing import Listing
from studyscope_exporter.inventory.seal import Seal


@dataclass(frozen=True, slots=True)
class FolderRow:
    """What the inventory has of one folder, but for its listing."""

    number: int
    digest: bytes  # of names, sizes and times as they were listed; empty while something is still to be read
    reads_as: bytes


class FolderRows:
    """Reads and writes what the inventory knows of folders; the caller holds the transaction."""

    def __init__(self, db: sqlite3.Connection, seal: Seal) -> None:
        self._db = db
        self._seal = seal

    def digest(self, names: Sequence[bytes], sizes: Sequence[int], times: Sequence[int]) -> bytes:
        """The keyed digest of a listing as the directory gave it.

        Not sorted: another order of an unchanged folder costs one decryption and is then found equal.
        """
        return self._seal.digest(b"\0".join(names), array("q", sizes).tobytes(), array("q", times).tobytes())

    def find(self, source: int, path: bytes) -> FolderRow | None:
        """The folder `path` below the root of the source."""
        key = self._seal.path_key(path)
        row = self._db.execute(
            "SELECT number, digest, reads_as FROM folder WHERE source = ? AND key = ?", (source, key)
        ).fetchone()
        return row and FolderRow(*row)

    def listing(self, number: int) -> Listing | None:
        """The listing of a folder, decrypted."""
        row = self._db.execute("SELECT listing FROM folder WHERE number = ?", (number,)).fetchone()
        return row and Listing.unpacked(self._seal.open(row[0], _place(number)))

    def add(self, source: int, path: bytes) -> int:
        """A folder not met before, without files."""
        key = self._seal.path_key(path)
        values = (source, key, b"", b"", 0, b"")
        insert = "INSERT INTO folder (source, key, digest, reads_as, files, listing) VALUES (?, ?, ?, ?, ?, ?)"
        return int(self._db.execute(insert, values).lastrowid or 0)

    def save(self, number: int, listing: Listing, digest: bytes, reads_as: bytes) -> None:
        """The folder as it is now."""
        sealed = self._seal.close(listing.packed(), _place(number))
        self._db.execute(
            "UPDATE folder SET digest = ?, reads_as = ?, files = ?, listing = ? WHERE number = ?",
            (digest, reads_as, len(listing.names), sealed, number),
        )

    def remove(self, numbers: Iterable[int]) -> None:
        """Folders that are gone; their items are removed by `RecordRows`."""
        self._db.executemany("DELETE FROM folder WHERE number = ?", ((number,) for number in numbers))

    def numbers(self, source: int) -> set[int]:
        """All folders of a source."""
        return {number for (number,) in self._db.execute("SELECT number FROM folder WHERE source = ?", (source,))}

    def files(self, source: int) -> int:
        """How many files the inventory has of a source."""
        (files,) = self._db.execute("SELECT coalesce(sum(files), 0) FROM folder WHERE source = ?", (source,)).fetchone()
        return int(files)


def _place(number: int) -> bytes:
    return b"folder %d" % number
