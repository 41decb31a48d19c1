"""One folder that is new or changed: what of it is to be read, and what was read so far."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import Self

from studyscope_exporter.inventory.folder_rows import FolderRow
from studyscope_exporter.inventory.inventory import Inventory
from studyscope_exporter.inventory.listing import UNREAD, Listing
from studyscope_exporter.inventory.reading import Reading
from studyscope_exporter.inventory.walk import Listed

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ChangedFolder:
    """A folder between its listing and the last of its readings."""

    inventory: Inventory
    source: int
    number: int
    root: bytes
    listed: Listed
    digest: bytes
    reads_as: bytes
    numbers: list[int]  # of its files, in the order of the directory
    known: set[int]  # those among them that the inventory already has
    unread: list[int]  # positions of files to read
    gone: list[int]  # numbers of files that are no more
    _left: set[int] = field(init=False)
    _readings: list[tuple[int, Reading]] = field(init=False, default_factory=list)
    _again: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._left = set(self.unread)

    @classmethod
    def compared(
        cls,
        inventory: Inventory,
        source: int,
        listed: Listed,
        row: FolderRow | None,
        *,
        root: bytes,
        digest: bytes,
        reads_as: bytes,
        whole: bool,
    ) -> Self:
        """What differs between the folder as listed and as the inventory has it."""
        folders = inventory.folders
        before = row and folders.listing(row.number)
        stale = row is None or row.reads_as != reads_as
        had = {name: (size, time, number) for name, size, time, number in before.rows()} if before else {}
        numbers, known, unread = [0] * len(listed.names), set(), []
        fresh = []
        for at, (name, size, time) in enumerate(zip(listed.names, listed.sizes, listed.times, strict=True)):
            found = had.pop(name, None)
            if found is None:
                fresh.append(at)
                unread.append(at)
                continue
            numbers[at] = found[2]
            known.add(found[2])
            if stale or found[:2] != (size, time):
                unread.append(at)
        for at, number in zip(fresh, inventory.new_numbers(len(fresh)), strict=True):
            numbers[at] = number
        gone = [number for _, _, number in had.values()]
        if whole and (unread or gone):
            unread = list(range(len(listed.names)))
        number = row.number if row else folders.add(source, listed.path)
        return cls(inventory, source, number, root, listed, digest, reads_as, numbers, known, unread, gone)

    def path_of(self, at: int) -> bytes:
        """The absolute path of the file at this position."""
        return os.path.join(self.root, self.listed.path, self.listed.names[at])  # noqa: PTH118 - bytes

    def take(self, at: int, reading: Reading) -> None:
        """What reading the file at this position gave."""
        if reading.unreadable:
            log.info("file #%d cannot be read: %s", self.numbers[at], reading.unreadable)
        self._left.discard(at)
        self._readings.append((at, reading))
        if reading.retry:
            self._again.add(at)

    @property
    def is_read(self) -> bool:
        return not self._left

    def save(self) -> None:
        """Writes what is known so far; files not yet read are marked, so that the next pass reads them."""
        records, numbers = self.inventory.records, self.numbers
        records.remove(self.gone)
        self.gone = []
        items = [(numbers[at], None, reading) for at, reading in self._readings]
        records.put(self.source, self.number, items, replaced=[number for number, *_ in items if number in self.known])
        self.known.update(number for number, *_ in items)
        self._readings = []
        times = list(self.listed.times)
        for at in self._left | self._again:
            times[at] = UNREAD
        listing = Listing(self.listed.path, self.listed.names, self.listed.sizes, times, numbers)
        whole = not self._left and not self._again
        self.inventory.folders.save(self.number, listing, self.digest if whole else b"", self.reads_as)
