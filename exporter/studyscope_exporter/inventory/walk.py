"""A folder tree, folder by folder: one scandir and one stat per file, nothing opened."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_NAME, _SIZE, _TIME = attrgetter("name"), attrgetter("st_size"), attrgetter("st_mtime_ns")
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})


@dataclass(slots=True)
class Listed:
    """One folder as it is now: three columns of its regular files, in the order of the directory."""

    path: bytes  # below the root, empty for the root itself
    names: list[bytes] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)  # st_mtime_ns
    problem: str = ""  # why it could not be listed: "no permission" or "read error"; then the columns are empty


@dataclass(frozen=True, slots=True)
class Tree:
    """Which files of a tree are listed.

    `wanted` chooses by file name; `skip` are absolute folders that are left out (our own state).
    With `follow_links` a linked folder is listed once, however many links or loops lead to it;
    without, links to files and folders are left out.
    """

    root: bytes
    wanted: Callable[[bytes], bool] | None = None
    follow_links: bool = False
    skip: frozenset[bytes] = frozenset()

    def folders(self) -> Iterator[Listed]:
        """Every folder with its files. The root's own OSError is raised, another folder's is its `problem`.

        A folder that vanished meanwhile is left out.
        """
        visited: set[tuple[int, int]] = set()
        waiting = [b""]
        while waiting:
            path = waiting.pop()
            listed = Listed(path)
            try:
                if self.follow_links and self._was_here(path, visited):
                    continue
                below = self._list(path, listed)
            except OSError as error:
                if not path:
                    raise
                if error.errno in _GONE:
                    continue
                yield Listed(path, problem="no permission" if error.errno in _FORBIDDEN else "read error")
                continue
            yield listed
            below.sort(reverse=True)
            waiting.extend(os.path.join(path, name) for name in below)  # noqa: PTH118 - bytes

    def _list(self, path: bytes, listed: Listed) -> list[bytes]:
        folder = os.path.join(self.root, path)  # noqa: PTH118
        with os.scandir(folder) as scanned:
            entries = list(scanned)
        follow = self.follow_links
        # Whole columns at a time: this loop is most of a pass over an unchanged tree.
        try:
            files, stats = self._files(entries)
        except OSError:
            entries = [entry for entry in entries if self._is_there(entry)]
            files, stats = self._files(entries)
        listed.names = list(map(_NAME, files))
        listed.sizes = list(map(_SIZE, stats))
        listed.times = list(map(_TIME, stats))
        if len(files) == len(entries):
            return []
        folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=follow)]
        return [name for name in folders if not self.skip or os.path.join(folder, name) not in self.skip]  # noqa: PTH118

    def _files(self, entries: list[os.DirEntry[bytes]]) -> tuple[list[os.DirEntry[bytes]], list[os.stat_result]]:
        follow, wanted = self.follow_links, self.wanted
        # The kind of a file comes with the listing; a pipe or a device must never be opened.
        files = [entry for entry in entries if entry.is_file(follow_symlinks=follow)]
        if wanted is not None:
            files = [entry for entry in files if wanted(entry.name)]
        return files, [entry.stat(follow_symlinks=follow) for entry in files]

    def _is_there(self, entry: os.DirEntry[bytes]) -> bool:
        """False for a file that vanished since it was listed, and for a link to nowhere or to itself."""
        try:
            entry.stat(follow_symlinks=self.follow_links)
        except OSError as error:
            if error.errno in _GONE or entry.is_symlink():
                return False
            raise
        return True

    def _was_here(self, path: bytes, visited: set[tuple[int, int]]) -> bool:
        found = os.stat(os.path.join(self.root, path))  # noqa: PTH116, PTH118
        if not stat.S_ISDIR(found.st_mode) or (found.st_dev, found.st_ino) in visited:
            return True
        visited.add((found.st_dev, found.st_ino))
        return False
