"""Frames of encapsulated PixelData (PS3.5 A.4), one after another."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from studyscope_exporter.dicom.seg_file import OpenedDataset, ReadAt
from studyscope_exporter.dicom.seg_header import PixelDescription
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.inflating import DamagedStream, inflated

_DEFLATED_IMAGE_FRAME_COMPRESSION = "1.2.840.10008.1.2.8.1"  # PS3.5 A.4.13

# What pydicom and its plugins raise on frames that are cut, damaged or of another kind than stated.
_DAMAGE = (
    ValueError,
    RuntimeError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    EOFError,
    OSError,
    struct.error,
    DamagedStream,
)


class _PixelBytes(io.RawIOBase):
    """The value of PixelData as a file, so that frames are read one at a time."""

    def __init__(self, read_at: ReadAt, start: int, size: int) -> None:
        self._read_at, self._start, self._size, self._at = read_at, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._read_at(self._start + self._at, max(0, min(len(view), self._size - self._at)))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def _pixel_bytes(dataset: OpenedDataset) -> io.BufferedReader:
    assert dataset.pixels is not None
    start = dataset.pixels[0]
    return io.BufferedReader(_PixelBytes(dataset.read_at, start, dataset.size - start), 1 << 16)


def is_deflated_by_frame(transfer_syntax: str) -> bool:
    return transfer_syntax == _DEFLATED_IMAGE_FRAME_COMPRESSION


def inflated_frames(dataset: OpenedDataset, pixels: PixelDescription) -> Iterator[NDArray[Any]]:
    """Deflated Image Frame Compression: each frame deflated on its own (RFC 1951), bits packed as in native frames."""
    size = (pixels.frame_bits + 7) // 8
    try:
        for frame in generate_frames(_pixel_bytes(dataset), number_of_frames=pixels.frames):
            raw = inflated(frame, size)
            if len(raw) < size:
                raise Unreadable(Reason.TRUNCATED)
            yield _unpacked(raw, pixels)
    except _DAMAGE as error:
        raise Unreadable(Reason.MALFORMED) from error


def _unpacked(raw: bytes, pixels: PixelDescription) -> NDArray[Any]:
    if pixels.bits_allocated == 1:
        return np.unpackbits(np.frombuffer(raw, np.uint8), count=pixels.frame_bits, bitorder="little")
    return np.frombuffer(raw, f"<u{pixels.bits_allocated // 8}")


def decoded_frames(dataset: OpenedDataset, pixels: PixelDescription) -> Iterator[NDArray[Any]]:
    """Frames of any transfer syntax that pydicom has a decoder for; raises Unreadable."""
    try:
        decoder = get_decoder(UID(dataset.transfer_syntax))
    except NotImplementedError:
        raise Unreadable(Reason.UNSUPPORTED) from None
    if not decoder.is_available:
        raise Unreadable(Reason.UNSUPPORTED)
    options: dict[str, Any] = {
        "rows": pixels.rows,
        "columns": pixels.columns,
        "number_of_frames": pixels.frames,
        "samples_per_pixel": 1,
        "bits_allocated": pixels.bits_allocated,
        "bits_stored": pixels.bits_stored or pixels.bits_allocated,
        "pixel_representation": 0,
        "photometric_interpretation": "MONOCHROME2",
        "pixel_keyword": "PixelData",
        "transfer_syntax_uid": UID(dataset.transfer_syntax),
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of what it mends; a hospital's log is no place for it
            for frame, _ in decoder.iter_array(_pixel_bytes(dataset), raw=True, **options):
                yield frame.reshape(-1)
    except _DAMAGE as error:
        raise Unreadable(Reason.MALFORMED) from error
