"""The structure of a DICOM data set in memory: where the value of each element begins and ends.

PS3.5 section 7. Values are never copied or interpreted here, so that a sequence with a hundred
thousand items costs only what is asked of it. Nothing recurses: nesting is bounded by DEEPEST.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from studyscope_exporter.dicom.unreadable import Reason, Unreadable

DEEPEST = 64
Range = tuple[int, int]
"""Offsets of the first byte and of the byte behind the last."""

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT_VRS = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS"}
    | {b"ST", b"TM", b"UI", b"UL", b"US"}
)


class Cut(Unreadable):
    """The bytes end inside an element; with more of the file the walk may succeed."""

    def __init__(self) -> None:
        super().__init__(Reason.TRUNCATED)


@dataclass(frozen=True, slots=True)
class Encoding:
    """Explicit or implicit VR, and the byte order as `struct` writes it."""

    explicit: bool
    order: str = "<"
    _tag_vr: struct.Struct = field(init=False, repr=False, compare=False)
    _long: struct.Struct = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tag_vr", struct.Struct(self.order + "HH2sH"))
        object.__setattr__(self, "_long", struct.Struct(self.order + "I"))

    def element(self, data: bytes, at: int) -> tuple[int, bytes, int, int]:
        """Tag, VR (empty where none is written), stated length and value offset of the element at `at`."""
        try:
            group, element, vr, length = self._tag_vr.unpack_from(data, at)
            tag = group << 16 | element
            if group == 0xFFFE or not self.explicit:
                return tag, b"", self._long.unpack_from(data, at + 4)[0], at + 8
            if vr in _SHORT_VRS:
                return tag, vr, length, at + 8
            if vr not in _LONG_VRS:
                raise Unreadable(Reason.MALFORMED)
            return tag, vr, self._long.unpack_from(data, at + 8)[0], at + 12
        except struct.error:
            raise Cut from None


_IMPLICIT = Encoding(explicit=False)


def elements(data: bytes, within: Range, encoding: Encoding, stop_at: int | None = None) -> Iterator[tuple[int, Range]]:
    """Tag and value of each element in order; with `stop_at`, the element of that tag is the last.

    The value of the last one, PixelData as a rule, may reach beyond `data`; its end is then -1 when
    its length is undefined. Raises Cut or Unreadable.
    """
    at, end = within
    while at < end:
        tag, vr, length, value = encoding.element(data, at)
        if tag == stop_at:
            yield tag, (value, -1 if length == _UNDEFINED else value + length)
            return
        if tag == _ITEM_END:
            return
        if length == _UNDEFINED:
            # PS3.5 6.2.2: UN of undefined length is a sequence in implicit VR little endian
            stop = _end_of_sequence(data, value, end, _IMPLICIT if vr == b"UN" else encoding)
            at = stop + 8
        else:
            at = stop = value + length
        if stop > end:
            raise Cut
        yield tag, (value, stop)


def items(data: bytes, sequence: Range, encoding: Encoding) -> Iterator[Range]:
    """Each item of the sequence with that value."""
    at, end = sequence
    while at < end:
        tag, _, length, value = encoding.element(data, at)
        if tag == _SEQUENCE_END:
            return
        if tag != _ITEM:
            raise Unreadable(Reason.MALFORMED)
        if length == _UNDEFINED:
            stop = _end_of_item(data, value, end, encoding)
            at = stop + 8
        else:
            at = stop = value + length
        if stop > end:
            raise Unreadable(Reason.MALFORMED)
        yield value, stop


def _end_of_item(data: bytes, at: int, end: int, encoding: Encoding) -> int:
    return _walk(data, at, end, encoding, in_items=False)


def _end_of_sequence(data: bytes, at: int, end: int, encoding: Encoding) -> int:
    return _walk(data, at, end, encoding, in_items=True)


def _walk(data: bytes, at: int, end: int, encoding: Encoding, in_items: bool) -> int:
    """The offset of the delimiter that ends what begins at `at`; `levels` says what each level holds."""
    levels = [in_items]
    while at < end:
        tag, vr, length, value = encoding.element(data, at)
        if tag in (_ITEM_END, _SEQUENCE_END):
            if levels.pop() != (tag == _SEQUENCE_END):
                raise Unreadable(Reason.MALFORMED)
            if not levels:
                return at
            at = value
        elif levels[-1] != (tag == _ITEM):
            raise Unreadable(Reason.MALFORMED)
        elif length != _UNDEFINED:
            at = value + length
        elif vr == b"UN" and len(levels) < DEEPEST:
            at = _walk(data, value, end, _IMPLICIT, in_items=True) + 8  # implicit VR: this goes one deep only
        else:
            levels.append(tag != _ITEM)
            if len(levels) > DEEPEST:
                raise Unreadable(Reason.MALFORMED)
            at = value
    raise Cut


def first(data: bytes, within: Range, encoding: Encoding, *path: int) -> Range | None:
    """The value reached by following `path`: tags of sequences, whose first item is taken, then of an element."""
    found: Range | None = None
    for depth, tag in enumerate(path):
        if depth:
            assert found is not None
            item = next(items(data, found, encoding), None)
            if item is None:
                return None
            within = item
        found = next((value for at_tag, value in elements(data, within, encoding) if at_tag == tag), None)
        if found is None:
            return None
    return found
