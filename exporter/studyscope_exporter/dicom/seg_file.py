"""The bytes of a DICOM file: preamble, file meta information (PS3.10 section 7), then the data set.

A deflated data set (PS3.5 A.5) is inflated into memory, up to MOST_INFLATED_BYTES.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from studyscope_exporter.dicom.seg_elements import Cut, Encoding, elements
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.inflating import DamagedStream, inflated

MOST_INFLATED_BYTES = 1 << 30
MOST_HEADER_BYTES = 1 << 29
_FIRST_READ = 1 << 18
_PIXEL_DATA = 0x7FE00010
_TRANSFER_SYNTAX_UID = 0x00020010
_GROUP_2_IS_EXPLICIT = Encoding(explicit=True)

ReadAt = Callable[[int, int], bytes]
"""(offset, size) -> the bytes there; fewer at the end."""


@dataclass(frozen=True)
class OpenedDataset:
    """A data set up to its PixelData: `head` holds the bytes before, `values` where elements are in it.

    `pixels` is the range of PixelData's value for `read_at`, its end -1 for an encapsulated one;
    None where there is no PixelData.
    """

    read_at: ReadAt
    size: int
    transfer_syntax: str
    encoding: Encoding
    head: bytes
    values: dict[int, tuple[int, int]]
    pixels: tuple[int, int] | None


@contextmanager
def opened_dataset(path: Path) -> Iterator[OpenedDataset]:
    """The data set in the file at `path`; raises Unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise Unreadable(Reason.VANISHED) from None
    except PermissionError:
        raise Unreadable(Reason.NO_PERMISSION) from None
    except OSError as error:
        raise Unreadable(Reason.IO_ERROR) from error
    try:
        yield _dataset(lambda offset, size: os.pread(descriptor, size, offset), os.fstat(descriptor).st_size)
    except OSError as error:
        raise Unreadable(Reason.IO_ERROR) from error
    finally:
        os.close(descriptor)


def _dataset(read_at: ReadAt, size: int) -> OpenedDataset:
    start, transfer_syntax = _after_meta(read_at(0, _FIRST_READ))
    if transfer_syntax == DeflatedExplicitVRLittleEndian:
        whole = _whole(read_at(start, size - start))
        read_at, size, start = (lambda offset, count: whole[offset : offset + count]), len(whole), 0
    explicit = transfer_syntax != ImplicitVRLittleEndian
    encoding = Encoding(explicit, ">" if transfer_syntax == ExplicitVRBigEndian else "<")
    head, values = _head(read_at, size, start, encoding)
    pixels = values.pop(_PIXEL_DATA, None)
    return OpenedDataset(read_at, size, transfer_syntax, encoding, head, values, pixels)


def _after_meta(begin: bytes) -> tuple[int, str]:
    """Offset of the data set and its TransferSyntaxUID (0002,0010); without meta it is guessed by its look."""
    at = 132 if begin[128:132] == b"DICM" else 0
    if begin[at : at + 2] != b"\x02\x00":
        if at == 0 and begin[:2] != b"\x08\x00":
            raise Unreadable(Reason.NOT_DICOM)
        return at, ExplicitVRLittleEndian if begin[at + 4 : at + 6].isalpha() else ImplicitVRLittleEndian
    transfer_syntax = ""
    while begin[at : at + 2] == b"\x02\x00":
        tag, _, length, value = _GROUP_2_IS_EXPLICIT.element(begin, at)
        at = value + length
        if at > len(begin):
            raise Unreadable(Reason.TRUNCATED)
        if tag == _TRANSFER_SYNTAX_UID:
            transfer_syntax = begin[value:at].rstrip(b"\0 ").decode("ascii", "replace")
    return at, transfer_syntax or ExplicitVRLittleEndian


def _head(read_at: ReadAt, size: int, start: int, encoding: Encoding) -> tuple[bytes, dict[int, tuple[int, int]]]:
    """Reads as much as is needed to reach PixelData; offsets are those of the file."""
    wanted = _FIRST_READ
    while True:
        head = read_at(0, min(wanted, size))
        try:
            return head, dict(elements(head, (start, len(head)), encoding, stop_at=_PIXEL_DATA))
        except Cut:
            if wanted >= size:
                raise
        wanted *= 4
        if wanted > MOST_HEADER_BYTES and size > MOST_HEADER_BYTES:
            raise Unreadable(Reason.TOO_LARGE)


def _whole(deflated: bytes) -> bytes:
    try:
        dataset = inflated(deflated, MOST_INFLATED_BYTES)
    except DamagedStream as error:
        raise Unreadable(Reason.MALFORMED) from error
    if len(dataset) >= MOST_INFLATED_BYTES:
        raise Unreadable(Reason.TOO_LARGE)
    return dataset
