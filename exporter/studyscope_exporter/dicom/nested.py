"""Where a sequence of undefined length ends (PS3.5 7.5), without recursion."""

from __future__ import annotations

import struct

from studyscope_exporter.dicom.encoding import BIG_ENDIAN, EXPLICIT, IMPLICIT, LONG_VRS, SHORT_VRS, UNDEFINED, Encoding
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

_ITEM, _ITEM_END, _SEQUENCE_END = 0xE000, 0xE00D, 0xE0DD
_MOST_LEVELS = 64
_HEADS = {False: struct.Struct("<HHI"), True: struct.Struct(">HHI")}


class Strange(Exception):
    """Bytes that this reader does not understand; pydicom may."""


class Cut(Exception):
    """The bytes at hand end before the element does."""


def end_of_sequence(buffer: bytes, position: int, encoding: Encoding) -> int:
    """The position behind the sequence whose first item begins at `position`.

    Raises Cut when the bytes end before, Strange for what is no sequence, Unreadable when it is nested too deep.
    """
    levels: list[tuple[bool, Encoding]] = [(False, encoding)]  # inside an item?, how it is encoded
    while levels:
        if position + 8 > len(buffer):
            raise Cut
        in_item, encoding = levels[-1]
        group, element, length = _HEADS[encoding.big_endian].unpack_from(buffer, position)
        inner: tuple[bool, Encoding] | None = None
        if group != 0xFFFE:
            if not in_item:
                raise Strange
            position, inner = _value_end(buffer, position, encoding)
        else:
            position += 8
            if element == _ITEM and not in_item:
                inner = (True, encoding) if length == UNDEFINED else None
                position += 0 if inner else length
            elif element == (_ITEM_END if in_item else _SEQUENCE_END):
                levels.pop()
            else:
                raise Strange
        if inner:
            levels.append(inner)
            if len(levels) > _MOST_LEVELS:
                raise Unreadable(Reason.MALFORMED)
    if position > len(buffer):
        raise Cut
    return position


def _value_end(buffer: bytes, position: int, encoding: Encoding) -> tuple[int, tuple[bool, Encoding] | None]:
    """Behind an element's value; or at its first item, with the level of the items."""
    if encoding.implicit:
        _, _, length = encoding.element.unpack_from(buffer, position)
        position += 8
        return (position, (False, encoding)) if length == UNDEFINED else (position + length, None)
    _, _, vr, length = encoding.element.unpack_from(buffer, position)
    if vr in SHORT_VRS:
        return position + 8 + length, None
    if vr not in LONG_VRS:
        raise Strange
    if position + 12 > len(buffer):
        raise Cut
    (length,) = encoding.length.unpack_from(buffer, position + 8)
    position += 12
    if length != UNDEFINED:
        return position + length, None
    return position, (False, items_encoding(vr, encoding))


def items_encoding(vr: bytes, encoding: Encoding) -> Encoding:
    """How the items of an element of undefined length are encoded; those of UN implicitly (PS3.5 6.2.2 note 2)."""
    if vr == b"SQ":
        return encoding
    if vr == b"UN" and encoding in (EXPLICIT, BIG_ENDIAN):
        return IMPLICIT
    raise Strange
