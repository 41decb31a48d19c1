"""One pass over an archive: what is new or changed is read, what two whole listings do not have leaves."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from studyscope_exporter.dicom.unreadable import Unreadable
from studyscope_exporter.dicomweb.answer import Attributes
from studyscope_exporter.dicomweb.archive import Archive
from studyscope_exporter.dicomweb.reading import NOT_GIVEN, SeriesRead, SeriesReader
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.records import ImagingSeries, Key
from studyscope_exporter.sources.source import Progress, ScanResult


@dataclass
class _Kept:
    """One series as it was read: what the server said, and the keys of its objects in hexadecimal."""

    digest: str
    objects: list[str] = field(default_factory=list)


@dataclass
class ArchivePass:
    """Reads one archive into the inventory, page by page."""

    source: str
    inventory: Inventory
    archive: Archive
    reader: SeriesReader
    reads_as: str
    kept: dict[str, _Kept]
    progress: Progress
    trusted: bool  # whether what was kept was read as it would be read now
    only: Collection[str] | None = None  # SeriesInstanceUIDs that count; None for all
    result: ScanResult = field(default_factory=ScanResult)
    seen: set[str] = field(default_factory=set)

    @classmethod
    def begun(
        cls,
        source: str,
        inventory: Inventory,
        archive: Archive,
        reader: SeriesReader,
        reads_as: str,
        progress: Progress,
        only: Collection[str] | None = None,
    ) -> Self:
        """With what the last pass kept."""
        raw = inventory.note(source)
        note: dict[str, Any] = json.loads(raw) if raw else {"reads_as": reads_as, "series": {}}
        kept = {key: _Kept(digest, objects) for key, (digest, objects) in note["series"].items()}
        return cls(source, inventory, archive, reader, reads_as, kept, progress, note["reads_as"] == reads_as, only)

    def run(self, filters: Sequence[Mapping[str, str]]) -> ScanResult:
        """Raises ServerProblem; what was read until then stays."""
        if not self.trusted:
            self.kept = {key: _Kept("", kept.objects) for key, kept in self.kept.items()}
        self.progress.total(None)
        try:
            for one in filters:
                for page in self.archive.series(one):
                    self._take(page)
            self._remove_gone(filters)
        finally:
            # Not with every page: it names all series, and a kill only makes the next pass read some again.
            note = {"reads_as": self.reads_as, "series": {key: (kept.digest, kept.objects) for key, kept in self.kept.items()}}
            self.inventory.keep_note(self.source, json.dumps(note).encode())
        self.inventory.link_results(self.source)
        result = self.result
        _add(result.unreadable, self.inventory.reasons(self.source)[0])
        if self.reader.not_given:
            result.unreadable[NOT_GIVEN] = self.reader.not_given
        result.unlinked = self.inventory.unlinked(self.source)
        return result

    def _take(self, page: Sequence[object]) -> None:
        read = []
        for said in page:
            try:
                answer = Attributes.parse(said)
                uid = answer.uid("SeriesInstanceUID")
                key = self.reader.pseudonyms.series(uid).hex()
            except Unreadable as error:
                _add(self.result.unreadable, {error.reason.value: 1})
                continue
            if key in self.seen or not self._counts(uid):
                continue
            self.seen.add(key)
            before = self.kept.get(key)
            if before is None or before.digest != answer.digest:
                objects = frozenset(map(bytes.fromhex, before.objects)) if before and self.trusted else frozenset()
                read.append((key, answer.digest, objects, self.reader.read(answer, objects)))
        with self.inventory.batch():
            for key, digest, objects, series in read:
                self._put(key, digest, objects, series)
        self.result.seen += len(page)
        self.result.read += len(read)
        self.progress.advance(len(page))

    def _counts(self, uid: str) -> bool:
        return self.only is None or uid in self.only

    def _put(self, key: str, digest: str, objects: frozenset[Key], read: SeriesRead) -> None:
        put, before = self.inventory.put, self.kept.get(key)
        records = () if read.series is None else (read.series,)
        put(self.source, bytes.fromhex(key), records, instances=read.instances, unreadable=read.unreadable)
        for item, reading in read.objects.items():
            # Its series is the item above.
            results = [record for record in reading.records if not isinstance(record, ImagingSeries)]
            put(self.source, item, results, unreadable=reading.unreadable)
        there = (objects - read.gone) | read.objects.keys()
        for item in frozenset(map(bytes.fromhex, before.objects if before else ())) - there:
            self.inventory.remove(self.source, item)
        _add(self.result.unreadable, read.unread)
        # Without its digest, what could not be read is tried again in the next pass.
        self.kept[key] = _Kept("" if read.unread else digest, sorted(item.hex() for item in there))

    def _remove_gone(self, filters: Sequence[Mapping[str, str]]) -> None:
        """Pages shift when an archive changes under the listing, so a series is gone when a second one misses it too."""
        gone = self.kept.keys() - self.seen
        if not gone:
            return
        for one in filters:
            for page in self.archive.series(one, ()):
                gone -= {self.reader.pseudonyms.series(uid).hex() for uid in map(_uid, page) if self._counts(uid)}
        with self.inventory.batch():
            for key in gone:
                for item in (key, *self.kept[key].objects):
                    self.inventory.remove(self.source, bytes.fromhex(item))
                del self.kept[key]
        self.result.removed = len(gone)


def _uid(said: object) -> str:
    try:
        return Attributes.parse(said).uid("SeriesInstanceUID")
    except Unreadable:
        return ""


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for reason, count in more.items():
        counts[reason] = counts.get(reason, 0) + count
