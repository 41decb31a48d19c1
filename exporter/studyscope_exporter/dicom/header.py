"""The header reader: the wanted attributes of a DICOM file, at a small multiple of opening it."""

from __future__ import annotations

import os
from pathlib import Path

from studyscope_exporter.dicom.by_pydicom import values_by_pydicom, values_of_inflated
from studyscope_exporter.dicom.content import FIRST_READ, Content, Inflated, OpenFile, reason_of
from studyscope_exporter.dicom.encoding import DEFLATED, DIRECTORY, EXPLICIT, Encoding, encoding_of
from studyscope_exporter.dicom.file_meta import FileMeta, data_begin, file_meta, guessed_encoding
from studyscope_exporter.dicom.layout import Layout, Values
from studyscope_exporter.dicom.nested import Strange
from studyscope_exporter.dicom.quiet import quiet_pydicom
from studyscope_exporter.dicom.tags import IN_CHARACTER_SET, PLACES, WANTED
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.dicom.walking import Walk

__all__ = ["Header", "HeaderReader", "Reason", "Unreadable", "read_header"]

_NEXT_READ = 64 * 1024
_LARGEST_WINDOW = 4 * 1024 * 1024
_MOST_LAYOUTS = 4
# A pipe or device that took the place of a file must not make the scan wait.
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class Header:
    """The wanted attributes of one file (`tags.WANTED`), decoded when asked for."""

    __slots__ = ("_values",)

    def __init__(self, values: Values) -> None:
        self._values = values

    def raw(self, keyword: str) -> bytes | None:
        """The value's bytes with their padding; None when the file has no such attribute."""
        return self._values[PLACES[keyword]]

    def text(self, keyword: str) -> str | None:
        """The value without its padding, "" when empty, None when the file has no such attribute (PS3.5 6.2)."""
        raw = self._values[PLACES[keyword]]
        if raw is None:
            return None
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii").rstrip("\0 ")
        _, _, vr = WANTED[PLACES[keyword]]
        if vr not in IN_CHARACTER_SET:
            return raw.decode("iso8859").rstrip("\0 ")
        return _decoded(raw, self.text("SpecificCharacterSet") or "").rstrip("\0 ")


class HeaderReader:
    """Reads headers one after another and learns what files of a series have in common.

    Not for use from two threads at once; one per call of an executor.
    """

    def __init__(self) -> None:
        self._plain: list[Layout] = []
        self._inflated: list[Layout] = []

    def read(self, path: str | bytes | Path) -> Header:
        """The header of a file; 16 KiB are read first, more only when needed. Raises Unreadable."""
        try:
            descriptor = os.open(path, _OPEN)
        except OSError as error:
            raise Unreadable(reason_of(error)) from None
        try:
            first = os.pread(descriptor, FIRST_READ, 0)
            begin = 132 if first.startswith(b"DICM", 128) else 0
            values = _matched(self._plain, first, begin)
            return Header(values if values is not None else self._walked(OpenFile(descriptor), first))
        except OSError as error:
            raise Unreadable(reason_of(error)) from None
        finally:
            os.close(descriptor)

    def _walked(self, content: Content, first: bytes) -> Values:
        start = data_begin(first)
        try:
            meta = file_meta(first, start)
            if meta.storage_class == DIRECTORY:
                raise Unreadable(Reason.DIRECTORY)
            if meta.transfer_syntax == DEFLATED:
                return self._of_inflated(Inflated(content, len(first), first[meta.begin :]))
            encoding = _encoding(meta, first)
            return _walk(content, first, meta, encoding, self._plain)
        except Strange:
            return values_by_pydicom(content)

    def _of_inflated(self, content: Inflated) -> Values:
        first = content.read(0, content.first_read)
        values = _matched(self._inflated, first, 0)
        if values is not None:
            return values
        try:
            return _walk(content, first, FileMeta([], [], 0, b"", b""), EXPLICIT, self._inflated)
        except Strange:
            return values_of_inflated(content)


def read_header(path: str | bytes | Path) -> Header:
    """The header of one file; for many use one HeaderReader. Raises Unreadable."""
    return HeaderReader().read(path)


def _encoding(meta: FileMeta, first: bytes) -> Encoding:
    if meta.transfer_syntax:
        return encoding_of(meta.transfer_syntax)
    guessed = guessed_encoding(first, meta.begin)
    if guessed is None:
        raise Strange
    return guessed


def _matched(layouts: list[Layout], first: bytes, begin: int) -> Values | None:
    for place, layout in enumerate(layouts):
        values = layout.match(first, begin)
        if values is not None:
            if place:
                layouts.insert(0, layouts.pop(place))
            return values
    return None


def _walk(content: Content, first: bytes, meta: FileMeta, encoding: Encoding, layouts: list[Layout]) -> Values:
    walk = Walk(encoding)
    position = walk.over(first, meta.begin)
    if walk.finished:
        if not encoding.big_endian and walk.tags:
            _learn(layouts, first, meta.tags + walk.tags, [*meta.starts, *walk.starts, position], walk)
    elif len(first) < content.first_read:
        _require_end(position, len(first))
    else:
        _walk_on(content, walk, position)
    return walk.values


def _walk_on(content: Content, walk: Walk, position: int) -> None:
    """Goes on behind the first bytes, in windows that grow only for an element that fills one."""
    size = _NEXT_READ
    while size <= _LARGEST_WINDOW:
        window = content.read(position, size)
        step = walk.over(window, 0)
        if walk.finished:
            return None
        if not window and not content.read(position - 1, 1):
            raise Unreadable(Reason.TRUNCATED)  # the last value would have ended behind the file
        if len(window) < size:
            return _require_end(step, len(window))
        position += step
        size = _NEXT_READ if step else size * 4
    raise Unreadable(Reason.TOO_LARGE)


def _require_end(position: int, size: int) -> None:
    """A walk may end with the file, or with a few bytes too few for another element."""
    if not size - 8 < position <= size:
        raise Unreadable(Reason.TRUNCATED)


def _learn(layouts: list[Layout], first: bytes, tags: list[int], starts: list[int], walk: Walk) -> None:
    for place, layout in enumerate(layouts):
        if layout.learn(first, tags, starts, walk.values):
            layouts.insert(0, layouts.pop(place))
            return
    layouts.insert(0, Layout(first, tags, starts, walk.values, walk.encoding))
    del layouts[_MOST_LAYOUTS:]


def _decoded(raw: bytes, character_sets: str) -> str:
    """Text in a SpecificCharacterSet (PS3.3 C.12.1.1.2); what is unknown or wrong becomes a replacement character."""
    from pydicom.charset import convert_encodings, decode_bytes
    from pydicom.valuerep import TEXT_VR_DELIMS

    with quiet_pydicom():
        try:
            return decode_bytes(raw, convert_encodings(character_sets.split("\\")), TEXT_VR_DELIMS)
        except (LookupError, UnicodeError):
            return raw.decode("iso8859")
