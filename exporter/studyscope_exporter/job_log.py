"""An append-only log of lines, read from where the last pass ended."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

HEAD_BYTES = 4096
LONGEST_LINE = 1 << 20
_PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class Place:
    """How far a log was read, and by which beginning it is known again."""

    offset: int = 0
    head_bytes: int = 0
    head: str = ""  # digest of the first head_bytes


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line without its end; `content` None where it is longer than LONGEST_LINE. `end` is the offset behind it."""

    content: bytes | None
    end: int


def logs_to_read(path: Path, place: Place) -> list[tuple[Path, int]]:
    """Which files to read, each from where; raises OSError where `path` cannot be opened.

    A file that is shorter than what was read, or begins otherwise, is another log: it is read from its
    beginning, after what is left of the old one where that was kept as `<name>.1`.
    """
    with path.open("rb") as file:
        if _is_known(file, place):
            return [(path, place.offset)]
    rotated = path.with_name(f"{path.name}.1")
    try:
        with rotated.open("rb") as file:
            known = place.offset > 0 and _is_known(file, place)
    except OSError:
        known = False
    return [(rotated, place.offset), (path, 0)] if known else [(path, 0)]


def _is_known(file: BinaryIO, place: Place) -> bool:
    if os.fstat(file.fileno()).st_size < place.offset:
        return False
    return _digest(file.read(place.head_bytes)) == place.head or place.head_bytes == 0


def place_at(path: Path, offset: int) -> Place:
    """The place to remember after reading up to `offset`."""
    with path.open("rb") as file:
        head = file.read(min(offset, HEAD_BYTES))
    return Place(offset, len(head), _digest(head))


def _digest(head: bytes) -> str:
    return hashlib.blake2b(head, digest_size=16).hexdigest()


def lines(path: Path, offset: int) -> Iterator[Line]:
    """Every whole line behind `offset`; a last line without its end waits for the next pass."""
    with path.open("rb") as file:
        file.seek(offset)
        rest, too_long, at = b"", False, offset
        while piece := file.read(_PIECE):
            *whole, rest = (rest + piece).split(b"\n")
            for content in whole:
                at += len(content) + 1
                yield Line(None if too_long or len(content) > LONGEST_LINE else content.rstrip(b"\r"), at)
                too_long = False
            if len(rest) > LONGEST_LINE:
                at, rest, too_long = at + len(rest), b"", True
