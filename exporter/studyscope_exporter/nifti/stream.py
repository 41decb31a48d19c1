"""The bytes of a NIfTI file, inflated as they are read and never more than asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from pathlib import Path
from typing import Protocol

from isal import igzip

from studyscope_exporter.inflating import DamagedStream
from studyscope_exporter.nifti.errors import (
    DAMAGED,
    INPUT_ERROR,
    NO_PERMISSION,
    TRUNCATED,
    VANISHED,
    UnreadableLabelMap,
)

_GZIP_MAGIC = b"\x1f\x8b"
SLACK_BYTES = 1 << 16  # read behind the image, so that the check sum at the end of a gzip member is checked


class ByteStream(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None: ...


@contextmanager
def inflated(path: Path) -> Iterator[ByteStream]:
    """The file's bytes, un-gzipped where it is gzip by content; what goes wrong is an UnreadableLabelMap."""
    try:
        with path.open("rb", buffering=0) as file:
            magic = file.read(2)
            file.seek(0)
            if magic == _GZIP_MAGIC:
                with igzip.open(file, "rb") as stream:  # type: ignore[no-untyped-call] # isal types its C parts only
                    yield stream
            else:
                yield io.BufferedReader(file)
    except EOFError as error:
        raise UnreadableLabelMap(TRUNCATED) from error
    except (BadGzipFile, DamagedStream) as error:
        raise UnreadableLabelMap(DAMAGED) from error
    except FileNotFoundError as error:
        raise UnreadableLabelMap(VANISHED) from error
    except PermissionError as error:
        raise UnreadableLabelMap(NO_PERMISSION) from error
    except OSError as error:
        raise UnreadableLabelMap(INPUT_ERROR) from error


def fill(stream: ByteStream, buffer: memoryview) -> int:
    """Reads until `buffer` is full or the stream ends; the number of bytes read."""
    filled = 0
    while filled < len(buffer):
        count = stream.readinto(buffer[filled:])
        if not count:
            break
        filled += count
    return filled


def skip(stream: ByteStream, size: int) -> None:
    """Reads `size` bytes away; raises UnreadableLabelMap when the stream ends before."""
    scrap = memoryview(bytearray(min(size, SLACK_BYTES)))
    while size > 0:
        count = fill(stream, scrap[: min(size, len(scrap))])
        if count == 0:
            raise UnreadableLabelMap(TRUNCATED)
        size -= count
