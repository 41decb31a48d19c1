"""The few things a domain does to its folder, each a point at which a machine can die."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """Files of one folder by name.

    What was written is only certain to survive a crash after `sync` (a file's content) or
    `sync_folder` (a rename).
    """

    def read(self, name: str) -> bytes | None:
        """The whole content, None where there is no such file."""

    def write(self, name: str, content: bytes) -> None:
        """Makes or empties the file and fills it."""

    def append(self, name: str, content: bytes) -> None: ...

    def truncate(self, name: str, size: int) -> None: ...

    def sync(self, name: str) -> None: ...

    def rename(self, old: str, new: str) -> None: ...

    def sync_folder(self) -> None: ...


class DiskFiles:
    """The files of a real folder, readable by their owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        self._put(name, content, os.O_TRUNC)

    def append(self, name: str, content: bytes) -> None:
        self._put(name, content, os.O_APPEND)

    def truncate(self, name: str, size: int) -> None:
        os.truncate(self._folder / name, size)

    def sync(self, name: str) -> None:
        _sync(self._folder / name)

    def rename(self, old: str, new: str) -> None:
        (self._folder / old).replace(self._folder / new)

    def sync_folder(self) -> None:
        _sync(self._folder)

    def _put(self, name: str, content: bytes, mode: int) -> None:
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | mode, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replaced(files: Files, name: str, content: bytes) -> None:
    """Puts `content` in the place of the file, so that a crash leaves the old or the new, whole."""
    files.write(f"{name}.new", content)
    files.sync(f"{name}.new")
    files.rename(f"{name}.new", name)
    files.sync_folder()
