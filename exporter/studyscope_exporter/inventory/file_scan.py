"""The incremental pass over a tree of files, for every kind of source that reads files."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path

from studyscope_exporter.inventory.changed_folder import ChangedFolder
from studyscope_exporter.inventory.inventory import Inventory
from studyscope_exporter.inventory.reading import Reading
from studyscope_exporter.inventory.walk import Listed, Tree
from studyscope_exporter.sources.source import Progress, ScanResult, SourceUnavailable

ReadFiles = Callable[[tuple[str, ...]], list[Reading]]
Chunk = list[tuple[ChangedFolder, int]]


@dataclass
class FileScan:
    """Brings the inventory to what the files below `root` hold now.

    `read` gets absolute paths of new and changed files, in the order of the folders, and gives one
    Reading each, in the same order; it never raises for a file. With an executor it is called in
    other processes or machines, so it must be picklable. With `whole_folders` all files of a folder
    are read together when one of them changed, in one call (several files that make one record).
    `reads_as` says how files are read (code lists, tags, label names, links): when it changes,
    everything is read anew. An unchanged folder costs its listing and one digest.

    `run` raises SourceUnavailable, and removes nothing, when the root is missing, cannot be listed,
    or has no file any more where it had some. A folder that cannot be listed keeps what it had.
    """

    inventory: Inventory
    source: str
    root: Path
    read: ReadFiles
    reads_as: bytes
    wanted: Callable[[bytes], bool] | None = None
    follow_links: bool = False
    skip: Sequence[Path] = ()
    whole_folders: bool = False
    executor: Executor | None = None
    files_per_call: int = 256
    calls_ahead: int = 8
    seconds_per_commit: float = 2.0
    monotonic: Callable[[], float] = time.monotonic
    _progress: Progress = field(init=False)
    _result: ScanResult = field(init=False, default_factory=ScanResult)
    _met: set[int] = field(init=False, default_factory=set)
    _unlisted: dict[bytes, str] = field(init=False, default_factory=dict)
    _chunk: Chunk = field(init=False, default_factory=list)
    _under_way: deque[tuple[Chunk, Future[list[Reading]]]] = field(init=False, default_factory=deque)

    @property
    def _root(self) -> bytes:
        return os.fsencode(self.root.absolute())

    def run(self, progress: Progress) -> ScanResult:
        """One pass; may be interrupted at any moment, the next one resumes."""
        root, self._progress = self._root, progress
        with self.inventory.batch():
            source = self.inventory.source_number(self.source, root)
        had = self.inventory.folders.files(source)
        progress.total(had or None)
        tree = Tree(root, self.wanted, self.follow_links, frozenset(os.fsencode(path.absolute()) for path in self.skip))
        folders = self._or_unavailable(tree.folders())
        more = True
        try:
            while more:
                with self.inventory.batch():
                    more = self._some(source, folders, progress)
        finally:
            for _, future in self._under_way:
                future.cancel()
        if had and not self._result.seen and not self._unlisted:
            raise SourceUnavailable(
                f"No file is left where there were {had}. Is the share mounted? "
                "If it was emptied on purpose, take the source out of the site file.",
                temporary=True,
            )
        return self._finished(source)

    def _some(self, source: int, folders: Iterator[Listed], progress: Progress) -> bool:
        """Folders for a few seconds, so that a kill loses little; False when there are no more."""
        until = self.monotonic() + self.seconds_per_commit
        for listed in folders:
            self._look_at(source, listed)
            progress.advance(len(listed.names))
            if self.monotonic() >= until:
                self._store_what_is_read(everything=False)
                return True
        self._store_what_is_read(everything=True)
        return False

    def _or_unavailable(self, folders: Iterator[Listed]) -> Iterator[Listed]:
        try:
            yield from folders
        except OSError as error:
            raise SourceUnavailable(
                f"Its folder cannot be listed ({error.strerror}). Is the share mounted, and may the exporter's user read it?",
                temporary=True,
            ) from None

    def _look_at(self, source: int, listed: Listed) -> None:
        self._result.seen += len(listed.names)
        if listed.problem:
            self._unlisted[listed.path] = listed.problem
            return
        if not listed.names:
            return  # nothing to know of it, or gone: that is decided at the end, when the source is sure to be there
        folders = self.inventory.folders
        row = folders.find(source, listed.path)
        digest = folders.digest(listed.names, listed.sizes, listed.times)
        if row is not None:
            self._met.add(row.number)
            if row.digest == digest and row.reads_as == self.reads_as:
                return
        folder = ChangedFolder.compared(
            self.inventory, source, listed, row, root=self._root, digest=digest, reads_as=self.reads_as, whole=self.whole_folders
        )
        self._met.add(folder.number)
        self._result.removed += len(folder.gone)
        if not folder.unread:
            folder.save()
        self._queue(folder)

    def _queue(self, folder: ChangedFolder) -> None:
        for at in folder.unread:
            self._chunk.append((folder, at))
            if len(self._chunk) >= self.files_per_call and not self.whole_folders:
                self._send()
        if self.whole_folders:
            self._send()

    def _send(self) -> None:
        if not self._chunk:
            return
        chunk, self._chunk = self._chunk, []
        paths = tuple(os.fsdecode(folder.path_of(at)) for folder, at in chunk)
        if self.executor is None:
            self._take(chunk, self.read(paths))
            return
        self._under_way.append((chunk, self.executor.submit(self.read, paths)))
        while len(self._under_way) > self.calls_ahead:
            self._take_first()

    def _store_what_is_read(self, *, everything: bool) -> None:
        if everything:
            self._send()
            while self._under_way:
                self._take_first()
        for folder in {id(folder): folder for folder, _ in self._waiting()}.values():
            folder.save()

    def _waiting(self) -> Iterator[tuple[ChangedFolder, int]]:
        yield from self._chunk
        for chunk, _ in self._under_way:
            yield from chunk

    def _take_first(self) -> None:
        chunk, future = self._under_way.popleft()
        self._take(chunk, future.result())

    def _take(self, chunk: Chunk, readings: Sequence[Reading]) -> None:
        self._result.read += len(chunk)
        self._progress.advance(0)  # a folder may hold a million files, and the cut-off comes in the middle of it
        for (folder, at), reading in zip(chunk, readings, strict=True):
            folder.take(at, reading)
            if folder.is_read:
                folder.save()

    def _finished(self, source: int) -> ScanResult:
        with self.inventory.batch():
            gone = self.inventory.folders.numbers(source) - self._met
            for number in gone:
                listing = self.inventory.folders.listing(number)
                if listing is None or self._is_below_unlisted(listing.path):
                    continue
                self.inventory.records.remove(listing.numbers)
                self.inventory.folders.remove([number])
                self._result.removed += len(listing.names)
            self.inventory.records.forget_empty_series()
        self._result.unreadable, self._result.ignored = self.inventory.reasons(self.source)
        for problem in self._unlisted.values():
            key = f"folder: {problem}"
            self._result.unreadable[key] = self._result.unreadable.get(key, 0) + 1
        self._result.unlinked = self.inventory.unlinked(self.source)
        return self._result

    def _is_below_unlisted(self, path: bytes) -> bool:
        return any(path == folder or path.startswith(folder + b"/") for folder in self._unlisted)
