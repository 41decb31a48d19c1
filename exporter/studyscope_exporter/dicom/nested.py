"""Where a sequence of undefined length ends (PS3.5 7.5), without recursion."""

from __future__ import annotations

import struct

from studyscope_exporter.dicom.encoding import BIG_ENDIAN, EXPLICIT, IMPLICIT, LONG, SHORT, UNDEFINED, Encoding
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

_ITEM, _ITEM_END, _SEQUENCE_END = 0xE000, 0xE00D, 0xE0DD
_MOST_LEVELS = 64


class Strange(Exception):
    """Bytes that this reader does not understand; pydicom may."""


class Cut(Exception):
    """The bytes at hand end before the element does."""


def end_of_sequence(buffer: bytes, position: int, encoding: Encoding) -> int:
    """The position behind the sequence whose first item begins at `position`.

    Raises Cut when the bytes end before, Strange for what is no sequence, Unreadable when it is nested too deep.
    """
    outer: list[Encoding] = []  # of the sequences around this one, whose open items it lies in
    try:
        while True:
            group, element, low, high = encoding.halves.unpack_from(buffer, position)
            position += 8
            if group != 0xFFFE:
                raise Strange
            if element == _SEQUENCE_END:
                if not outer:
                    break
                encoding = outer.pop()
            elif element != _ITEM:
                raise Strange
            else:
                length = _joined(low, high, encoding)
                if length != UNDEFINED:
                    position += length
                    continue
            # Inside an item of undefined length: to its end, or to the next sequence in it.
            position, inner = _end_of_item(buffer, position, encoding)
            if inner is not None:
                outer.append(encoding)
                encoding = inner
                if len(outer) > _MOST_LEVELS:
                    raise Unreadable(Reason.MALFORMED)
    except struct.error:
        raise Cut from None
    if position > len(buffer):
        raise Cut
    return position


def _end_of_item(buffer: bytes, position: int, encoding: Encoding) -> tuple[int, Encoding | None]:
    """Behind the item's delimiter; or, at a sequence of undefined length in it, at its first item, with its encoding."""
    unpack, kind, implicit = encoding.halves.unpack_from, encoding.kind, encoding.implicit
    while True:
        group, element, low, high = unpack(buffer, position)
        if group == 0xFFFE:
            if element != _ITEM_END:
                raise Strange
            return position + 8, None
        if not implicit and kind[low] == SHORT:
            position += 8 + high
            continue
        if implicit:
            length, begin = low | high << 16, position + 8
        elif kind[low] == LONG:
            (length,), begin = encoding.length.unpack_from(buffer, position + 8), position + 12
        else:
            raise Strange
        if length == UNDEFINED:
            return begin, items_encoding(low, encoding)
        position = begin + length


def items_encoding(vr: int, encoding: Encoding) -> Encoding:
    """How the items of an element of undefined length are encoded; those of UN implicitly (PS3.5 6.2.2 note 2)."""
    if encoding.implicit or vr == encoding.number_of("SQ"):
        return encoding
    if vr == encoding.number_of("UN") and encoding in (EXPLICIT, BIG_ENDIAN):
        return IMPLICIT
    raise Strange


def _joined(low: int, high: int, encoding: Encoding) -> int:
    return low << 16 | high if encoding.big_endian else low | high << 16
