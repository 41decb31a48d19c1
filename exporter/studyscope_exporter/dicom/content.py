"""The bytes of one file, read piece by piece and never more than a bound."""

from __future__ import annotations

import errno
import os
import zlib
from typing import Protocol

from studyscope_exporter.dicom.unreadable import Reason, Unreadable

FIRST_READ = 16 * 1024
_MOST_BYTES = 8 * 1024 * 1024
_REASONS = {
    errno.ENOENT: Reason.VANISHED,
    errno.ENOTDIR: Reason.VANISHED,
    errno.ESTALE: Reason.VANISHED,
    errno.EACCES: Reason.NO_PERMISSION,
    errno.EPERM: Reason.NO_PERMISSION,
}


class Content(Protocol):
    """Bytes by position; fewer than asked for at the end. Raises Unreadable when more than the bound were asked for."""

    first_read: int  # what the header of most files needs

    def read(self, position: int, size: int) -> bytes: ...


class OpenFile:
    """A file as it lies on disk."""

    first_read = FIRST_READ

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._left = _MOST_BYTES

    def read(self, position: int, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise Unreadable(Reason.TOO_LARGE)
        return os.pread(self._descriptor, size, position)


class Inflated:
    """The data set of the deflated transfer syntax (PS3.5 A.5), inflated only as far as it is asked for."""

    first_read = FIRST_READ // 2

    def __init__(self, content: Content, position: int, begin: bytes) -> None:
        """`begin` are the deflated bytes at hand, the rest follows in `content` from `position` on."""
        self._content = content
        self._position = position
        self._deflated = begin
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._inflated = b""

    def read(self, position: int, size: int) -> bytes:
        wanted = position + size
        if wanted > _MOST_BYTES:
            raise Unreadable(Reason.TOO_LARGE)
        try:
            while len(self._inflated) < wanted and not self._inflate.eof and self._more_deflated():
                more = self._inflate.decompress(self._deflated, wanted - len(self._inflated))
                self._deflated = self._inflate.unconsumed_tail
                self._inflated += more
        except zlib.error:
            raise Unreadable(Reason.MALFORMED) from None
        return self._inflated[position:wanted]

    def _more_deflated(self) -> bool:
        if not self._deflated:
            self._deflated = self._content.read(self._position, FIRST_READ)
            self._position += len(self._deflated)
        return bool(self._deflated)


def reason_of(error: OSError) -> Reason:
    """Why the system did not give a file."""
    return _REASONS.get(error.errno or 0, Reason.IO_ERROR)
