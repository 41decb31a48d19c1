"""Separate parts of segments: frames put where they lie in space, then counted (26 neighbours)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.dicom.seg_counting import compressed_values
from studyscope_exporter.dicom.seg_file import OpenedDataset
from studyscope_exporter.dicom.seg_frames import Frames, frame_heights
from studyscope_exporter.dicom.seg_header import PixelDescription, Values
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.lesions import MOST_VOXELS, lesion_counts

_SAME_PLANE = 0.1
"""Of the distance of planes: a frame that is further from where a plane should be lies between planes."""


def segment_parts(values: Values, pixels: PixelDescription, frames: Frames, wanted: Collection[int]) -> dict[int, int]:
    """Parts by segment number, of `wanted`; none where frames lie on no common grid, or there are too many voxels.

    Reads PixelData a second time; memory is a byte a voxel of the planes between a segment's first and last.
    """
    planes = _planes(values, pixels)
    if planes is None:
        return {}
    counts = {}
    for number in sorted(wanted):
        shown = frames.segment_numbers == number if pixels.segmentation_type != "LABELMAP" else np.ones(pixels.frames, bool)
        if not shown.any():
            counts[number] = 0
            continue
        begin, end = int(planes[shown].min()), int(planes[shown].max()) + 1
        if (end - begin) * pixels.rows * pixels.columns > MOST_VOXELS:
            continue
        mask = np.zeros((end - begin, pixels.rows, pixels.columns), np.uint8)
        for at, frame in shown_frames(values.dataset, pixels, shown):
            mask[planes[at] - begin] |= inside(frame, pixels, number).reshape(pixels.rows, pixels.columns)
        counts[number] = lesion_counts(mask, {"": (1,)})[""]
    return counts


def _planes(values: Values, pixels: PixelDescription) -> NDArray[np.intp] | None:
    """Of each frame the number of its plane; planes that no frame is on count too, so that parts do not touch across them."""
    heights = frame_heights(values, pixels)
    if heights is None:
        return None
    steps = np.diff(np.unique(np.round(heights, 3)))
    step = float(steps.min()) if steps.size else 1.0
    places = (heights - heights.min()) / step
    numbers = np.rint(places)
    if (np.abs(places - numbers) > _SAME_PLANE).any() or numbers.max() > pixels.frames * 1000:
        return None
    return np.asarray(numbers, np.intp)


def inside(frame: NDArray[Any], pixels: PixelDescription, number: int) -> NDArray[np.bool_]:
    """The voxels of a frame that are in the segment; of a fraction those that are at least half in it."""
    found: NDArray[np.bool_]
    if pixels.segmentation_type == "LABELMAP":
        found = frame == number
    elif pixels.segmentation_type == "BINARY":
        found = frame != 0
    else:
        found = frame >= (pixels.maximum + 1) // 2
    return found


def shown_frames(
    dataset: OpenedDataset, pixels: PixelDescription, shown: NDArray[np.bool_]
) -> Iterator[tuple[int, NDArray[Any]]]:
    """The frames that are `shown`, with their numbers; what is not compressed is read for these alone."""
    assert dataset.pixels is not None
    if dataset.pixels[1] < 0:
        yield from ((at, frame) for at, frame in enumerate(compressed_values(dataset, pixels)) if shown[at])
        return
    for at in np.flatnonzero(shown).tolist():
        yield at, _native(dataset, pixels, dataset.pixels[0], at * pixels.frame_bits)


def _native(dataset: OpenedDataset, pixels: PixelDescription, start: int, bit: int) -> NDArray[Any]:
    """The frame that begins at a bit of PixelData (PS3.5 8.1.1: no padding between frames, the first pixel is the lowest bit)."""
    raw = dataset.read_at(start + bit // 8, (bit + pixels.frame_bits + 7) // 8 - bit // 8)
    if len(raw) * 8 < bit % 8 + pixels.frame_bits:
        raise Unreadable(Reason.TRUNCATED)
    if pixels.bits_allocated == 1:
        return np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[bit % 8 :][: pixels.frame_bits]
    return np.frombuffer(raw, f"{dataset.encoding.order}u{pixels.bits_allocated // 8}")
