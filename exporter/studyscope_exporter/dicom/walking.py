"""The walk over the top-level elements of a file, up to the last wanted one."""

from __future__ import annotations

from studyscope_exporter.dicom.encoding import LONG, SHORT, UNDEFINED, Encoding, is_vr
from studyscope_exporter.dicom.nested import Cut, Strange, end_of_sequence, items_encoding
from studyscope_exporter.dicom.tags import LAST_TAG, WANTED
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

_LONGEST_VALUE = 0xFFFF
_MOST_ELEMENTS = 50_000
_WANTED = tuple((place, tag, vr.encode()) for place, (_, tag, vr) in enumerate(WANTED))


class Walk:
    """What was found so far in one data set, which may be seen through several windows."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.values: list[bytes | None] = [None] * len(WANTED)
        self.tags: list[int] = []
        self.starts: list[int] = []  # of the elements with these tags, in their window
        self.finished = False

    def over(self, buffer: bytes, position: int) -> int:
        """Walks whole elements of `buffer` from `position` on; gives the position of the next element.

        That lies behind the buffer when an unwanted value does. Where the next element is not whole in
        the buffer, its own position comes back. `finished` when a later tag than any wanted one came.
        Raises Strange and Unreadable.
        """
        if not self.tags and self.encoding.implicit and is_vr(buffer[position + 4 : position + 6]):
            raise Strange  # explicit after all, whatever the transfer syntax says
        before = len(self.tags)
        position = (self._implicit if self.encoding.implicit else self._explicit)(buffer, position)
        self._check_order(before)
        return self._take(buffer, position, before)

    def _explicit(self, buffer: bytes, position: int) -> int:
        encoding, add_tag, add_start, last = self.encoding, self.tags.append, self.starts.append, LAST_TAG
        unpack, kind, most = encoding.halves.unpack_from, encoding.kind, len(buffer) - 8
        while position <= most:
            group, element, vr, length = unpack(buffer, position)
            tag = group << 16 | element
            if tag > last:
                self.finished = True
                break
            if kind[vr] == SHORT:
                end = position + 8 + length
            elif kind[vr] == LONG:
                begin = position + 12
                if begin > most + 8:
                    break
                (length,) = encoding.length.unpack_from(buffer, position + 8)
                end = begin + length
                if length == UNDEFINED:
                    try:
                        end = end_of_sequence(buffer, begin, items_encoding(vr, encoding))
                    except Cut:
                        break
            else:
                raise Strange
            add_tag(tag)
            add_start(position)
            position = end
        return position

    def _implicit(self, buffer: bytes, position: int) -> int:
        encoding, add_tag, add_start, last = self.encoding, self.tags.append, self.starts.append, LAST_TAG
        unpack, most = encoding.halves.unpack_from, len(buffer) - 8
        while position <= most:
            group, element, low, high = unpack(buffer, position)
            tag = group << 16 | element
            if tag > last:
                self.finished = True
                break
            end = position + 8 + (low | high << 16)
            if low == high == 0xFFFF:
                try:
                    end = end_of_sequence(buffer, position + 8, encoding)
                except Cut:
                    break
            add_tag(tag)
            add_start(position)
            position = end
        return position

    def _check_order(self, before: int) -> None:
        """Out of order, or twice the same tag: pydicom decides."""
        new = self.tags[max(before - 1, 0) :]
        if len(self.tags) > _MOST_ELEMENTS:
            raise Unreadable(Reason.TOO_LARGE)
        if len(set(new)) != len(new) or new != sorted(new):
            raise Strange

    def _take(self, buffer: bytes, position: int, before: int) -> int:
        """Takes the wanted values of this window; the position to go on from, before one that is not whole in it."""
        places = dict(zip(self.tags[before:], range(before, len(self.tags)), strict=True))
        for place, tag, vr in _WANTED:
            at = places.get(tag)
            if at is None:
                continue
            start = self.starts[at]
            if self.encoding.implicit or buffer[start + 4 : start + 6] == vr:
                begin = start + 8
            else:
                raise Strange
            end = self.starts[at + 1] if at + 1 < len(self.starts) else position
            if end > len(buffer):
                if end - begin > _LONGEST_VALUE:
                    raise Unreadable(Reason.MALFORMED)
                # Whole in the next window.
                self.tags.pop()
                self.starts.pop()
                return start
            self.values[place] = buffer[begin:end]
        return position
