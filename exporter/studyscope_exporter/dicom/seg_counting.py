"""How much of each segment the frames hold, in ml; reads PixelData in pieces.

PS3.3 C.8.20.2: a voxel of a BINARY frame belongs or not. In a FRACTIONAL frame of PROBABILITY it
belongs when its value is at least half of MaximumFractionalValue (0062,000E), the usual cut of a
soft segmentation. In one of OCCUPANCY the value is "the proportion of the pixel volume occupied by
the segment" (C.8.20.2.3), so the proportions are added up. In a LABELMAP frame the value is the
segment's number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.dicom.seg_compressed import decoded_frames, inflated_frames, is_deflated_by_frame
from studyscope_exporter.dicom.seg_file import OpenedDataset
from studyscope_exporter.dicom.seg_frames import Frames
from studyscope_exporter.dicom.seg_header import PixelDescription
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

PIECE_BYTES = 1 << 20
_ITEM_BYTES = 8  # each frame of encapsulated PixelData is in an item of its own at least


def volumes_ml(dataset: OpenedDataset, pixels: PixelDescription, frames: Frames) -> dict[int, float]:
    """Volume by segment number, of segments that have a frame or a voxel; raises Unreadable."""
    assert dataset.pixels is not None
    encapsulated = dataset.pixels[1] < 0
    if pixels.segmentation_type == "LABELMAP":
        values = compressed_values(dataset, pixels) if encapsulated else _native_values(dataset, pixels)
        return _label_volumes(values, frames)
    if encapsulated:
        amounts = np.array([_amount(frame, pixels) for frame in compressed_values(dataset, pixels)])
    elif pixels.bits_allocated == 1:
        amounts = _bits_set(dataset, pixels)
    else:
        amounts = np.array([_amount(frame, pixels) for frame in _native_values(dataset, pixels)])
    if len(amounts) != pixels.frames:
        raise Unreadable(Reason.TRUNCATED)
    totals = np.bincount(frames.segment_numbers, weights=amounts * frames.voxel_ml)
    return {int(number): float(totals[number]) for number in np.unique(frames.segment_numbers)}


def check_frames_fit(dataset: OpenedDataset, pixels: PixelDescription) -> None:
    """Raises Unreadable where the file is too short for its frames.

    To be called before anything is made per frame: NumberOfFrames may say two thousand million.
    """
    if dataset.pixels is None:
        raise Unreadable(Reason.TRUNCATED)
    start, end = dataset.pixels
    if end < 0:
        needed, end = pixels.frames * _ITEM_BYTES, dataset.size
    else:
        needed = (pixels.frame_bits * pixels.frames + 7) // 8
    if start + needed > min(end, dataset.size):
        raise Unreadable(Reason.TRUNCATED)


def _label_volumes(values: Iterator[NDArray[Any]], frames: Frames) -> dict[int, float]:
    totals = np.zeros(1 << 16)
    seen = 0
    for frame, voxel_ml in zip(values, frames.voxel_ml, strict=False):
        counts = np.bincount(frame[frame != 0])
        totals[: counts.size] += counts * voxel_ml
        seen += 1
    if seen != len(frames.voxel_ml):
        raise Unreadable(Reason.TRUNCATED)
    return {int(number): float(totals[number]) for number in np.flatnonzero(totals)}


def _amount(frame: NDArray[Any], pixels: PixelDescription) -> float:
    """How many voxels' worth of the segment a frame of whole bytes holds."""
    if pixels.segmentation_type == "BINARY":
        return float(np.count_nonzero(frame))
    if pixels.fractional_type == "OCCUPANCY":
        return float(frame.sum(dtype=np.int64)) / pixels.maximum
    return float(np.count_nonzero(frame >= (pixels.maximum + 1) // 2))


def compressed_values(dataset: OpenedDataset, pixels: PixelDescription) -> Iterator[NDArray[Any]]:
    """Encapsulated frames, one after another; raises Unreadable."""
    if is_deflated_by_frame(dataset.transfer_syntax):
        return inflated_frames(dataset, pixels)
    return decoded_frames(dataset, pixels)


def _native_values(dataset: OpenedDataset, pixels: PixelDescription) -> Iterator[NDArray[Any]]:
    dtype = f"{dataset.encoding.order}u{pixels.bits_allocated // 8}"
    size = pixels.frame_bits // 8
    assert dataset.pixels is not None
    start, _ = dataset.pixels
    for at in range(start, start + size * pixels.frames, size):
        raw = dataset.read_at(at, size)
        if len(raw) < size:
            raise Unreadable(Reason.TRUNCATED)
        yield np.frombuffer(raw, dtype)


def _bits_set(dataset: OpenedDataset, pixels: PixelDescription) -> NDArray[np.float64]:
    """Bits set per frame; PS3.5 8.1.1: frames follow one another without padding, the first pixel is bit 0."""
    bits = pixels.frame_bits
    assert dataset.pixels is not None
    start, _ = dataset.pixels
    together = max(1, PIECE_BYTES * 8 // bits)
    amounts = np.empty(pixels.frames)
    for begin in range(0, pixels.frames, together):
        count = min(together, pixels.frames - begin)
        first_byte, end_byte = begin * bits // 8, ((begin + count) * bits + 7) // 8
        raw = dataset.read_at(start + first_byte, end_byte - first_byte)
        if len(raw) < end_byte - first_byte:
            raise Unreadable(Reason.TRUNCATED)
        amounts[begin : begin + count] = _aligned(raw, count) if bits % 8 == 0 else _unaligned(raw, begin * bits % 8, bits, count)
    return amounts


def _aligned(raw: bytes, frames: int) -> NDArray[Any]:
    packed = np.frombuffer(raw, np.uint8).reshape(frames, -1)
    words = packed.view(np.uint64) if packed.shape[1] % 8 == 0 else packed
    return np.asarray(np.bitwise_count(words).sum(axis=1, dtype=np.int64))


def _unaligned(raw: bytes, offset: int, bits: int, frames: int) -> list[int]:
    """Whole bytes counted at once, less the neighbours' bits in the first and the last byte of each frame."""
    packed = np.frombuffer(raw, np.uint8)
    counts = []
    for begin in range(offset, offset + frames * bits, bits):
        end = begin + bits
        inside = int(np.bitwise_count(packed[begin // 8 : (end + 7) // 8]).sum(dtype=np.int64))
        before = (raw[begin // 8] & ((1 << begin % 8) - 1)).bit_count()
        behind = (raw[end // 8] >> end % 8).bit_count() if end % 8 else 0
        counts.append(inside - before - behind)
    return counts
