"""The local store of what a site's sources hold."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from studyscope_exporter.inventory import places
from studyscope_exporter.inventory.as_frames import InventoryFrames
from studyscope_exporter.inventory.errors import UnknownNumber, WrongInventoryKey
from studyscope_exporter.inventory.folder_rows import FolderRows
from studyscope_exporter.inventory.places import Place
from studyscope_exporter.inventory.reading import Reading, Record
from studyscope_exporter.inventory.record_rows import RecordRows
from studyscope_exporter.inventory.result_rows import OF_AN_IMAGE, RESULT_TABLES
from studyscope_exporter.inventory.schema import connect
from studyscope_exporter.inventory.seal import Seal
from studyscope_exporter.records import Job

_CHECK = b"studyscope inventory"


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Inventory(InventoryFrames):
    """Records of all sources, by item: what a source reads as one unit (a file, a remote series, a run).

    An item is put and removed as a whole. Sources of files use `file_scan.FileScan`, which knows what
    changed; all others name their items by keys of 16 bytes: `put`, `remove`, `items`. Every change is
    one transaction, or belongs to the one of a surrounding `batch`; a kill at any moment leaves the
    last whole one. No path and no name is stored in clear. Not for use from two threads at once; two
    processes may open the same file, one of them writing.
    """

    def __init__(self, db: sqlite3.Connection, seal: Seal, now: Callable[[], dt.datetime]) -> None:
        super().__init__(db)
        self._seal = seal
        self.records = RecordRows(db, lambda: now().astimezone(dt.UTC).date())
        self.folders = FolderRows(db, seal)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        key: bytes,
        now: Callable[[], dt.datetime] = _utc_now,
        random: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """The inventory at `path`, made when it is not there; `key` are 32 secret bytes of the site.

        `now` gives the day a series is first seen, `random` the nonces. Raises InventoryTooNew,
        WrongInventoryKey, InventoryDamaged. One of an older schema is begun anew, as a scan refills it.
        """
        seal = Seal(key, random)
        db = connect(path)
        try:
            _check_the_key(db, seal)
        except BaseException:
            db.close()
            raise
        return cls(db, seal, now)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction around several changes; inside another batch it is part of that."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            self.records.forget_what_was_met()
            raise
        self._db.execute("COMMIT")

    def put(self, source: str, item: bytes, records: Sequence[Record], *, instances: int = 1, unreadable: str = "") -> int:
        """What the item `item` (16 bytes) of a source holds now, in place of what it held; gives its number.

        At most one ImagingSeries; `instances` says how many instances of it the item stands for, and
        `unreadable`, a reason of a closed list, why there are no records.
        """
        with self.batch():
            at = self.source_number(source)
            before = self._number_of(at, item)
            number = self.new_numbers(1)[0] if before is None else before
            reading = Reading(records=tuple(records), instances=instances, unreadable=unreadable)
            self.records.put(at, None, [(number, item, reading)], replaced=() if before is None else (before,))
        return number

    def remove(self, source: str, item: bytes) -> bool:
        """Forgets an item and what only it held; False when it was not there."""
        with self.batch():
            number = self._number_of(self.source_number(source), item)
            if number is None:
                return False
            self.records.remove([number])
            self.records.forget_empty_series()
        return True

    def items(self, source: str) -> frozenset[bytes]:
        """The items that were put for a source."""
        query = "SELECT key FROM item JOIN source ON source.number = item.source WHERE name = ? AND key IS NOT NULL"
        return frozenset(key for (key,) in self._db.execute(query, (source,)))

    def forget(self, source: str) -> None:
        """Forgets all of a source, for one that left the site file or was emptied on purpose."""
        with self.batch():
            at = self.source_number(source)
            for table in ("item", "folder", "series"):
                self._db.execute(f"DELETE FROM {table} WHERE source = ?", (at,))
            self._db.execute("DELETE FROM source WHERE number = ?", (at,))
            # A source of several parts keeps "NAME part" too; a name itself has no blank.
            self._db.execute(
                "DELETE FROM meta WHERE name = ?1 OR substr(name, 1, length(?1) + 1) = ?1 || ' '", (f"note {source}",)
            )
            self.records.forget_what_was_met()

    def sources(self) -> frozenset[str]:
        """Names of the sources that brought anything."""
        return frozenset(name for (name,) in self._db.execute("SELECT name FROM source"))

    def resolve(self, number: int) -> Path:
        """The path of the file with this inventory number; UnknownNumber when there is none."""
        query = "SELECT folder, root FROM item JOIN source ON source.number = item.source WHERE item.number = ?"
        row = self._db.execute(query, (number,)).fetchone()
        listing = row and row[0] is not None and row[1] is not None and self.folders.listing(row[0])
        if not listing or number not in listing.numbers:
            raise UnknownNumber(number)
        root = self._seal.open(row[1], b"root")
        return Path(os.fsdecode(os.path.join(root, listing.path, listing.names[listing.numbers.index(number)])))  # noqa: PTH118

    def place_of(self, table: str, key: bytes) -> Place | None:
        """Where the record of a `job`, `segmentation`, `series`, `study` or `patient` with this key comes from."""
        return places.place_of(self._db, table, key)

    def place(self, number: int) -> Place | None:
        return places.place(self._db, number)

    def series_of(self, table: str, key: bytes) -> list[bytes]:
        """Keys of the series of a `patient`, `study` or `series`."""
        return places.series_of(self._db, table, key)

    def reasons(self, source: str) -> tuple[dict[str, int], dict[str, int]]:
        """How many files of a source are unreadable and ignored, each by reason."""
        query = (
            "SELECT unreadable, ignored, count(*) FROM item JOIN source ON source.number = item.source "
            "WHERE name = ? AND (unreadable IS NOT NULL OR ignored IS NOT NULL) GROUP BY 1, 2"
        )
        rows = self._db.execute(query, (source,)).fetchall()
        return ({bad: count for bad, _, count in rows if bad}, {why: count for _, why, count in rows if why})

    def unlinked(self, source: str) -> int:
        """Records of a source without a patient."""
        # Items are looked up from the few records, never the other way round: hence CROSS JOIN.
        each = "SELECT item.source FROM {0} CROSS JOIN item ON item.number = {0}.item WHERE {0}.patient_key IS NULL"
        every = " UNION ALL ".join(each.format(table.name) for table in RESULT_TABLES.values())
        query = f"SELECT count(*) FROM ({every}) WHERE source = ?"
        return int(self._db.execute(query, (self.source_number(source),)).fetchone()[0])

    def jobs(self, source: str, item: bytes) -> list[Job]:
        """The jobs that an item of a source holds, as they were put."""
        query = (
            "SELECT job.* FROM job JOIN item ON item.number = job.item WHERE item.source = ? AND item.key = ? ORDER BY job.number"
        )
        return self.records.jobs(query, (self.source_number(source), item))

    def patient_of(self, series_key: bytes | None, study_key: bytes | None) -> bytes | None:
        """The patient of a series or else of a study, of any source."""
        for column, key in (("series_key", series_key), ("study_key", study_key)):
            query = f"SELECT patient_key FROM series WHERE {column} = ? LIMIT 1"
            found = key and self._db.execute(query, (key,)).fetchone()
            if found:
                return bytes(found[0])
        return None

    def holds_patient(self, patient_key: bytes) -> bool:
        """Whether any record is of this patient."""
        some = " UNION ALL ".join(f"SELECT 1 FROM {kind} WHERE patient_key = :key" for kind in ("series", "segmentation", "job"))
        return bool(self._db.execute(f"SELECT EXISTS ({some})", {"key": patient_key}).fetchone()[0])

    def link_results(self, source: str) -> None:
        """Gives results that know only their study or series the patient whom that series is of."""
        with self.batch():
            for table in OF_AN_IMAGE:
                for mine, theirs in (("image_series_key", "series_key"), ("study_key", "study_key")):
                    self._db.execute(
                        f"UPDATE {table} SET patient_key = series.patient_key FROM series, item "
                        f"WHERE {table}.patient_key IS NULL AND series.{theirs} = {table}.{mine} "
                        f"AND item.number = {table}.item AND item.source = ?",
                        (self.source_number(source),),
                    )

    def note(self, source: str) -> bytes:
        """What a source asked to be kept for its next pass, b"" when nothing."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (f"note {source}",)).fetchone()
        return self._seal.open(row[0], b"note") if row else b""

    def keep_note(self, source: str, note: bytes) -> None:
        """Keeps a source's note, sealed; part of the surrounding batch."""
        with self.batch():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"note {source}", self._seal.close(note, b"note")))

    def source_number(self, name: str, root: bytes | None = None) -> int:
        """The number of a source, new or not; `root` is where its files are now."""
        self._db.execute("INSERT OR IGNORE INTO source (name) VALUES (?)", (name,))
        if root is not None:
            self._db.execute("UPDATE source SET root = ? WHERE name = ?", (self._seal.close(root, b"root"), name))
        (number,) = self._db.execute("SELECT number FROM source WHERE name = ?", (name,)).fetchone()
        return int(number)

    def new_numbers(self, count: int) -> range:
        """So many inventory numbers that no file ever had; inside a batch."""
        ((first,),) = self._db.execute("SELECT value FROM meta WHERE name = 'next number'").fetchall() or ((1,),)
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('next number', ?)", (first + count,))
        return range(first, first + count)

    def _number_of(self, source: int, item: bytes) -> int | None:
        row = self._db.execute("SELECT number FROM item WHERE source = ? AND key = ?", (source, item)).fetchone()
        return row and int(row[0])


def _check_the_key(db: sqlite3.Connection, seal: Seal) -> None:
    db.execute("INSERT OR IGNORE INTO meta VALUES ('check', ?)", (seal.close(_CHECK, b"check"),))
    (sealed,) = db.execute("SELECT value FROM meta WHERE name = 'check'").fetchone()
    if seal.open(sealed, b"check") != _CHECK:
        raise WrongInventoryKey
