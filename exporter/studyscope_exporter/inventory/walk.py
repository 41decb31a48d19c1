"""A folder tree, folder by folder: one scandir and one stat per file, nothing opened."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
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
        follow, wanted = self.follow_links, self.wanted
        names, sizes, times = listed.names, listed.sizes, listed.times
        below = []
        folder = os.path.join(self.root, path)  # noqa: PTH118
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=follow):
                        if not self.skip or os.path.join(folder, entry.name) not in self.skip:  # noqa: PTH118
                            below.append(entry.name)
                        continue
                    # The kind of a file comes with the listing; a pipe or a device must never be opened.
                    if not entry.is_file(follow_symlinks=follow) or (wanted is not None and not wanted(entry.name)):
                        continue
                    found = entry.stat(follow_symlinks=follow)
                except OSError as error:
                    if error.errno in _GONE or entry.is_symlink():
                        continue
                    raise
                names.append(entry.name)
                sizes.append(found.st_size)
                times.append(found.st_mtime_ns)
        return below

    def _was_here(self, path: bytes, visited: set[tuple[int, int]]) -> bool:
        found = os.stat(os.path.join(self.root, path))  # noqa: PTH116, PTH118
        if not stat.S_ISDIR(found.st_mode) or (found.st_dev, found.st_ino) in visited:
            return True
        visited.add((found.st_dev, found.st_ino))
        return False
