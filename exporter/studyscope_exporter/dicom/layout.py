"""What files of one series have in common, learnt, so that the next one is compared instead of walked.

A layout is a walk in runs: bytes that were the same in all files so far, up to the length field of
an element whose value differs; that length is read from the file itself. A file that matches every
run therefore has exactly the elements that a walk would have found, at the places where it would
have found them: the result is the walk's, never a guess. A file that does not match is walked.
"""

from __future__ import annotations

from studyscope_exporter.dicom.encoding import UNDEFINED, Encoding
from studyscope_exporter.dicom.nested import Cut, Strange, end_of_sequence, items_encoding
from studyscope_exporter.dicom.tags import LAST_TAG, PLACE_OF_TAG, PLACES
from studyscope_exporter.dicom.walking import Element

_TRANSFER_SYNTAX = 0x0002_0010
_GROUP_LENGTH = 0x0002_0000
_MEDIA_STORAGE_INSTANCE = 0x0002_0003
_SOP_INSTANCE = 0x0008_0018
_SERIES = PLACES["SeriesInstanceUID"]
_MOST_VARYING = 64
_FEW_HITS = 16

Values = list[bytes | None]
Run = tuple[bytes, int, int, int, Encoding | None]
"""Bytes, how many, width of the length field behind them, place of the value (or -1), items' encoding if nested."""


class Layout:
    """The elements of one example file and which of them differ between the files it stands for."""

    def __init__(
        self, buffer: bytes, start: int, meta: list[Element], elements: list[Element], values: Values, encoding: Encoding
    ) -> None:
        """Of a file walked from `start` (behind DICM); `meta` are its elements of group 0002, `encoding` that of the rest.

        Little endian only: group 0002 always is, and big endian has been retired.
        """
        self.hits = 0
        self._buffer = buffer
        self._start = start
        self._elements = meta + elements
        self._behind_meta = len(meta)
        self._tags = [tag for tag, *_ in self._elements]
        self._values = values
        self._encoding = encoding
        self._varying = {
            place for place, tag in enumerate(self._tags) if tag in (_GROUP_LENGTH, _MEDIA_STORAGE_INSTANCE, _SOP_INSTANCE)
        }
        self._runs, self._tail = self._compiled()

    def match(self, buffer: bytes, position: int) -> Values | None:
        """The values of a file whose data begins at `position`; None when it must be walked."""
        values = self._values.copy()
        for run, size, width, place, nested in self._runs:
            if not buffer.startswith(run, position):
                return None
            position += size
            length = int.from_bytes(buffer[position : position + width], "little")
            position += width
            if length == UNDEFINED:
                if nested is None or place >= 0:
                    return None
                try:
                    position = end_of_sequence(buffer, position, nested)
                except (Cut, Strange):
                    return None
                continue
            if place >= 0:
                values[place] = buffer[position : position + length]
            position += length
        if not buffer.startswith(self._tail, position):
            return None
        position += len(self._tail)
        # The walk stops at the first tag behind the last wanted one; at the file's end it must look for more.
        head = buffer[position : position + 4]
        if len(head) < 4 or position + 8 > len(buffer):
            return None
        if int.from_bytes(head[:2], "little") << 16 | int.from_bytes(head[2:], "little") <= LAST_TAG:
            return None
        self.hits += 1
        return values

    def learn(self, buffer: bytes, start: int, elements: list[Element], values: Values) -> bool:
        """Takes a walked file into the layout; False when it has other elements or differs in too much."""
        if [tag for tag, *_ in elements] != self._tags:
            return False
        if values[_SERIES] != self._values[_SERIES] and self.hits >= _FEW_HITS:
            return False  # a layout of its own is worth more to a long series than one for both
        differ: set[int] = set()
        places = zip(self._elements, elements, _starts(self._elements, self._start), _starts(elements, start), strict=True)
        for place, (mine, other, of_mine, of_other) in enumerate(places):
            if self._buffer[of_mine : mine[3]] == buffer[of_other : other[3]]:
                continue
            if mine[0] == _TRANSFER_SYNTAX or self._buffer[of_mine : mine[1]] != buffer[of_other : other[1]]:
                return False  # another encoding or VR: that is no matter of values
            differ.add(place)
        varying = self._varying | differ
        if len(varying) > _MOST_VARYING:
            return False
        if varying != self._varying:
            self._varying = varying
            self._runs, self._tail = self._compiled()
        return True

    def _compiled(self) -> tuple[list[Run], bytes]:
        runs: list[Run] = []
        at = self._start
        for place in sorted(self._varying):
            tag, length_at, begin, end = self._elements[place]
            run, in_meta = self._buffer[at:length_at], place < self._behind_meta
            nested = None if in_meta or begin - length_at == 2 else self._items_encoding(run[-4:-2])
            runs.append((run, len(run), begin - length_at, -1 if in_meta else PLACE_OF_TAG.get(tag, -1), nested))
            at = end
        return runs, self._buffer[at : self._elements[-1][3]]

    def _items_encoding(self, vr: bytes) -> Encoding | None:
        if self._encoding.implicit:
            return self._encoding
        return items_encoding(vr, self._encoding) if vr in (b"SQ", b"UN") else None


def _starts(elements: list[Element], start: int) -> list[int]:
    return [start] + [end for *_, end in elements[:-1]]
