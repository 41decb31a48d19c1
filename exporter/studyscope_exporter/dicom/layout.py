"""What files of one series have in common, learnt, so that the next one is compared instead of walked.

A layout is a walk in runs: bytes that were the same in all files so far, up to the length field of
an element whose value differs; that length is read from the file itself. A file that matches every
run therefore has exactly the elements that a walk would have found, at the places where it would
have found them: the result is the walk's, never a guess. A file that does not match is walked.
"""

from __future__ import annotations

from studyscope_exporter.dicom.encoding import EXPLICIT, LONG, UNDEFINED, Encoding
from studyscope_exporter.dicom.nested import Cut, Strange, end_of_sequence, items_encoding
from studyscope_exporter.dicom.tags import LAST_TAG, PLACE_OF_TAG, PLACES

_TRANSFER_SYNTAX = 0x0002_0010
_ALWAYS_VARYING = (0x0002_0000, 0x0002_0003, 0x0008_0018)
"""Group length of the file meta, and the instance UID in both groups."""
_SERIES = PLACES["SeriesInstanceUID"]
_MOST_VARYING = 64
_FEW_HITS = 16

Values = list[bytes | None]
Run = tuple[bytes, int, bool, int, Encoding | None]
"""Bytes, how many, whether the length behind them is of 32 bits, place of the value or -1, items' encoding if it can nest."""


class Layout:
    """The elements of one example file and which of them differ between the files it stands for.

    `starts` are those of the elements with these `tags` (group 0002 too) and, last, where the last one
    ends. Little endian only: group 0002 always is, and big endian has been retired.
    """

    def __init__(self, buffer: bytes, tags: list[int], starts: list[int], values: Values, encoding: Encoding) -> None:
        self.hits = 0
        self._buffer = buffer
        self._tags = tags
        self._starts = starts
        self._values = values
        self._encoding = encoding
        self._varying = {tags.index(tag) for tag in _ALWAYS_VARYING if tag in tags}
        self._runs, self._tail = self._compiled()

    def match(self, buffer: bytes, position: int) -> Values | None:
        """The values of a file whose first element begins at `position`; None when it must be walked."""
        values = self._values.copy()
        matches = buffer.startswith
        try:
            for run, size, long, place, nested in self._runs:
                if not matches(run, position):
                    return None
                position += size
                length = buffer[position] | buffer[position + 1] << 8
                position += 2
                if long:
                    length |= buffer[position] << 16 | buffer[position + 1] << 24
                    position += 2
                    if length == UNDEFINED:
                        if nested is None or place >= 0:
                            return None
                        position = end_of_sequence(buffer, position, nested)
                        continue
                if place >= 0:
                    values[place] = buffer[position : position + length]
                position += length
            if not matches(self._tail, position):
                return None
            position += len(self._tail)
            # The walk stops at the first tag behind the last wanted one; at the file's end it must look for more.
            low, high, element_low, element_high, *_ = buffer[position : position + 8]
        except (Cut, Strange, IndexError, ValueError):
            return None
        if high << 24 | low << 16 | element_high << 8 | element_low <= LAST_TAG or position + 8 > len(buffer):
            return None
        self.hits += 1
        return values

    def learn(self, buffer: bytes, tags: list[int], starts: list[int], values: Values) -> bool:
        """Takes a walked file into the layout; False when it has other elements or differs in too much."""
        if tags != self._tags:
            return False
        if values[_SERIES] != self._values[_SERIES] and self.hits >= _FEW_HITS:
            return False  # a layout of its own is worth more to a long series than one for both
        mine, own = self._buffer, self._starts
        differ = {
            place for place in range(len(tags)) if mine[own[place] : own[place + 1]] != buffer[starts[place] : starts[place + 1]]
        }
        if any(self._head(mine, own, place) != self._head(buffer, starts, place) for place in differ):
            return False  # another encoding or VR: that is no matter of values
        varying = self._varying | differ
        if len(varying) > _MOST_VARYING:
            return False
        if varying != self._varying:
            self._varying = varying
            self._runs, self._tail = self._compiled()
        return True

    def _head(self, buffer: bytes, starts: list[int], place: int) -> bytes:
        """What must not vary of an element: tag, VR and reserved bytes; all of the transfer syntax."""
        start = starts[place]
        if self._tags[place] == _TRANSFER_SYNTAX:
            return buffer[start : starts[place + 1]]
        return buffer[start : self._length_at(buffer, start, place)]

    def _length_at(self, buffer: bytes, start: int, place: int) -> int:
        if self._is_implicit(place):
            return start + 4
        return start + 8 if EXPLICIT.kind[buffer[start + 4] | buffer[start + 5] << 8] == LONG else start + 6

    def _is_implicit(self, place: int) -> bool:
        return self._encoding.implicit and self._tags[place] >= 0x0003_0000

    def _compiled(self) -> tuple[list[Run], bytes]:
        buffer, runs, at = self._buffer, list[Run](), self._starts[0]
        for place in sorted(self._varying):
            start, tag = self._starts[place], self._tags[place]
            length_at = self._length_at(buffer, start, place)
            long = length_at != start + 6
            nested = self._items_encoding(place, buffer[start + 4] | buffer[start + 5] << 8) if long else None
            runs.append((buffer[at:length_at], length_at - at, long, PLACE_OF_TAG.get(tag, -1), nested))
            at = self._starts[place + 1]
        return runs, buffer[at : self._starts[-1]]

    def _items_encoding(self, place: int, vr: int) -> Encoding | None:
        try:
            return items_encoding(vr, self._encoding if self._tags[place] >= 0x0003_0000 else EXPLICIT)
        except Strange:
            return None
