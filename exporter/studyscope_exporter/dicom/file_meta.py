"""Where the data set of a file begins and how it is encoded (PS3.10 7.1)."""

from __future__ import annotations

from typing import NamedTuple

from studyscope_exporter.dicom.encoding import BIG_ENDIAN, EXPLICIT, IMPLICIT, LONG, SHORT, UNDEFINED, Encoding, is_vr
from studyscope_exporter.dicom.nested import Strange
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

_PREAMBLE = 128
_TRANSFER_SYNTAX, _STORAGE_CLASS = 0x0002_0010, 0x0002_0002


class FileMeta(NamedTuple):
    """Group 0002 of one file; positions in its first bytes."""

    tags: list[int]
    starts: list[int]  # of the elements with these tags
    begin: int  # of the data set
    transfer_syntax: bytes  # empty where the file does not say
    storage_class: bytes


def data_begin(buffer: bytes) -> int:
    """Behind the prefix DICM, or 0 for a file without preamble; raises Unreadable for what is no DICOM."""
    if buffer.startswith(b"DICM", _PREAMBLE):
        return _PREAMBLE + 4
    if guessed_encoding(buffer) is None and buffer[:2] != b"\x02\0":
        raise Unreadable(Reason.NOT_DICOM)
    return 0


def guessed_encoding(buffer: bytes, position: int = 0) -> Encoding | None:
    """How a data set without file meta is encoded, by its first element, which is of group 0008; None for no data set."""
    head = buffer[position : position + 8]
    if len(head) == 8 and head[:2] == b"\0\x08" and is_vr(head[4:6]):
        return BIG_ENDIAN
    if len(head) < 8 or head[:2] != b"\x08\0":
        return None
    if is_vr(head[4:6]):
        return EXPLICIT
    return IMPLICIT if int.from_bytes(head[4:], "little") < 0x10000 else None


def file_meta(buffer: bytes, position: int) -> FileMeta:
    """Group 0002 from `position` on, always explicit little endian; its stated length is not trusted.

    Raises Strange where it is encoded otherwise or longer than the buffer.
    """
    tags: list[int] = []
    starts: list[int] = []
    found: dict[int, bytes] = {}
    unpack, kind = EXPLICIT.halves.unpack_from, EXPLICIT.kind
    while buffer.startswith(b"\x02\0", position):
        if position + 12 > len(buffer):
            raise Strange
        _, element, vr, length = unpack(buffer, position)
        begin = position + 8
        if kind[vr] == LONG:
            (length,), begin = EXPLICIT.length.unpack_from(buffer, position + 8), position + 12
        elif kind[vr] != SHORT:
            raise Strange
        end = begin + length
        tag = 0x0002_0000 | element
        if end > len(buffer) or length == UNDEFINED or (tags and tags[-1] >= tag):
            raise Strange
        if tag in (_TRANSFER_SYNTAX, _STORAGE_CLASS):
            found[tag] = buffer[begin:end].rstrip(b"\0 ")
        tags.append(tag)
        starts.append(position)
        position = end
    return FileMeta(tags, starts, position, found.get(_TRANSFER_SYNTAX, b""), found.get(_STORAGE_CLASS, b""))
