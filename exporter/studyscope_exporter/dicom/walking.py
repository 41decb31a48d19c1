"""The walk over the top-level elements of a file, up to the last wanted one."""

from __future__ import annotations

from studyscope_exporter.dicom.encoding import LONG_VRS, SHORT_VRS, UNDEFINED, Encoding
from studyscope_exporter.dicom.nested import Cut, Strange, end_of_sequence, items_encoding
from studyscope_exporter.dicom.tags import LAST_TAG, PLACE_OF_TAG, VR_OF_TAG, WANTED
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

LONGEST_VALUE = 65_536
_MOST_ELEMENTS = 50_000

Element = tuple[int, int, int, int]
"""Tag, begin of its length field, begin of its value (or first item), end; positions in one buffer."""


class Walk:
    """What was found so far in one data set, which may be seen through several windows."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.values: list[bytes | None] = [None] * len(WANTED)
        self.elements: list[Element] = []
        self.finished = False
        self._last = 0
        self._count = 0

    def over(self, buffer: bytes, position: int) -> int:
        """Walks whole elements of `buffer` from `position` on; gives the position of the next element.

        That lies behind the buffer when an unwanted value does. Where the next element is not whole in
        the buffer, its own position comes back. `finished` when a later tag than any wanted one came.
        Raises Strange and Unreadable.
        """
        step = self._implicit if self.encoding.implicit else self._explicit
        before = len(self.elements)
        try:
            position = step(buffer, position)
        except Cut:
            position = self.elements[-1][3] if len(self.elements) > before else position
        self._count += len(self.elements) - before
        if self._count > _MOST_ELEMENTS:
            raise Unreadable(Reason.TOO_LARGE)
        return position

    def _explicit(self, buffer: bytes, position: int) -> int:
        encoding, values, elements = self.encoding, self.values, self.elements
        unpack, last, size = encoding.element.unpack_from, self._last, len(buffer)
        while position + 8 <= size:
            group, element, vr, length = unpack(buffer, position)
            tag = group << 16 | element
            if tag > LAST_TAG:
                self.finished = True
                break
            # Out of order, or twice: pydicom decides.
            if tag <= last:
                raise Strange
            at, begin = position + 6, position + 8
            if vr not in SHORT_VRS:
                if vr not in LONG_VRS:
                    raise Strange
                at, begin = begin, position + 12
                if begin > size:
                    raise Cut
                (length,) = encoding.length.unpack_from(buffer, at)
            end = end_of_sequence(buffer, begin, items_encoding(vr, encoding)) if length == UNDEFINED else begin + length
            if tag in PLACE_OF_TAG:
                if vr != VR_OF_TAG[tag]:
                    raise Strange
                if end > size:
                    raise _cut_or_too_long(length)
                values[PLACE_OF_TAG[tag]] = buffer[begin:end]
            elements.append((tag, at, begin, end))
            self._last = last = tag
            position = end
        return position

    def _implicit(self, buffer: bytes, position: int) -> int:
        encoding, values, elements = self.encoding, self.values, self.elements
        unpack, last, size = encoding.element.unpack_from, self._last, len(buffer)
        while position + 8 <= size:
            group, element, length = unpack(buffer, position)
            tag = group << 16 | element
            if tag > LAST_TAG:
                self.finished = True
                break
            # Two capitals where a length should be: explicit after all, whatever the transfer syntax says.
            if tag <= last or (not last and _is_vr(buffer[position + 4 : position + 6])):
                raise Strange
            begin = position + 8
            end = end_of_sequence(buffer, begin, encoding) if length == UNDEFINED else begin + length
            if tag in PLACE_OF_TAG:
                if length == UNDEFINED:
                    raise Strange
                if end > size:
                    raise _cut_or_too_long(length)
                values[PLACE_OF_TAG[tag]] = buffer[begin:end]
            elements.append((tag, position + 4, begin, end))
            self._last = last = tag
            position = end
        return position


def _cut_or_too_long(length: int) -> Exception:
    return Unreadable(Reason.MALFORMED) if length > LONGEST_VALUE else Cut()


def _is_vr(two: bytes) -> bool:
    return two.isalpha() and two.isupper()
