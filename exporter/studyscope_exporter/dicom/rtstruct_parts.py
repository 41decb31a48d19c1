"""Separate parts of regions: each plane's contours as pixels, put above each other, then counted (26 neighbours).

Contours of one plane combine by even-odd, as for volumes. A part that is thinner than a pixel is none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.dicom.rtstruct_header import Contours
from studyscope_exporter.dicom.rtstruct_volume import Points, gaps, stacked
from studyscope_exporter.lesions import MOST_VOXELS, lesion_counts

PIXEL_MM = 0.5
_MOST_PLANES = 1 << 14


def region_parts(contours: Contours) -> int | None:
    """How many parts a region has; None where it is too large to be counted. Raises Unreadable as `region_planes`.

    Pixels are as wide as PIXEL_MM, or wider where the region would have more than MOST_VOXELS.
    """
    if not len(contours.points):
        return 0
    stack = stacked(contours)
    apart = gaps(stack.positions)
    rows = len(stack.positions) + int(apart.sum())
    low, high = stack.flat.min(axis=0), stack.flat.max(axis=0)
    if rows > _MOST_PLANES or not np.isfinite(high - low).all():
        return None
    pixel = max(PIXEL_MM, float(np.sqrt(np.prod(np.maximum(high - low, PIXEL_MM)) * rows / MOST_VOXELS) * 1.1))
    size = np.ceil((high - low) / pixel).astype(np.int64) + 2
    if rows * int(size.prod()) > MOST_VOXELS:
        return None
    grid = np.zeros((rows, *size.tolist()), np.uint8)
    at = np.arange(len(stack.positions)) + np.concatenate([[0], np.cumsum(apart)])
    for plane, together in zip(at.tolist(), stack.contours, strict=True):
        grid[plane] = _filled([(stack.flat[_of(contours, one)] - low) / pixel for one in together.tolist()], grid.shape[1:])
    return lesion_counts(grid, {"": (1,)})[""]


def _of(contours: Contours, number: int) -> slice:
    following = number + 1
    end = contours.begins[following] if following < len(contours.begins) else len(contours.points)
    return slice(int(contours.begins[number]), int(end))


def _filled(polygons: list[Points], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Pixels whose centre lies in an odd number of polygons; a polygon that is there twice counts once."""
    changes = np.zeros((shape[0], shape[1] + 1), np.int32)
    once: list[Points] = []
    for polygon in polygons:
        if any(np.array_equal(polygon, other) for other in once):
            continue
        once.append(polygon)
        begin, end = polygon, np.roll(polygon, -1, axis=0)
        for one, other in zip(begin, end, strict=True):
            (low, from_), (high, to) = sorted((tuple(one), tuple(other)))
            # Centres of the lines of pixels that the edge crosses; its upper end belongs to the next edge.
            lines = np.arange(np.ceil(low - 0.5), np.ceil(high - 0.5)) + 0.5
            if lines.size:
                places = np.ceil(from_ + (lines - low) * (to - from_) / (high - low) - 0.5).astype(np.int64)
                np.add.at(changes, (lines.astype(np.int64), np.clip(places, 0, shape[1])), 1)
    return (np.cumsum(changes[:, :-1], axis=1) % 2).astype(np.uint8)
