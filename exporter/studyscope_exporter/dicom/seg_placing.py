"""Where the frames of a segmentation object lie in space (PS3.3 C.7.6.16.2.3, C.7.6.16.2.4), and grids of two objects.

Frames of one object are parallel, of one size and one place in their plane; objects are on one grid
when that holds for both together and the planes of each are a whole number of steps apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.dicom.seg_frames import (
    IMAGE_ORIENTATION_PATIENT,
    IMAGE_POSITION_PATIENT,
    PIXEL_MEASURES_SEQUENCE,
    PIXEL_SPACING,
    PLANE_ORIENTATION_SEQUENCE,
    PLANE_POSITION_SEQUENCE,
    SLICE_THICKNESS,
    SPACING_BETWEEN_SLICES,
    functional_groups,
)
from studyscope_exporter.dicom.seg_header import PixelDescription, Values
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

_SAME_MM = 1e-2  # places are decimal text
_SAME_DIRECTION = 1e-4
_MOST_PLANES = 1 << 20
_BETWEEN_PLANES = 0.1  # of a step: a frame further from where a plane should be lies between planes


@dataclass(frozen=True)
class Placing:
    """Of all frames: directions of rows and columns, mm between pixels, corner in the plane in mm; of each its height in mm."""

    directions: NDArray[np.float64]  # (2, 3), unit vectors
    spacing_mm: tuple[float, float]  # between rows, between columns (PixelSpacing)
    corner_mm: NDArray[np.float64]  # (2,)
    heights_mm: NDArray[np.float64]
    step_mm: float | None  # as stated; None where it follows from the heights

    def lies_as(self, other: Placing) -> bool:
        """Whether the planes of both are of one grid but for their heights."""
        return (
            np.allclose(self.directions, other.directions, rtol=0, atol=_SAME_DIRECTION)
            and np.allclose(self.spacing_mm, other.spacing_mm, rtol=0, atol=_SAME_MM)
            and np.allclose(self.corner_mm, other.corner_mm, rtol=0, atol=_SAME_MM)
        )


def placing(values: Values, pixels: PixelDescription) -> Placing:
    """Raises Unreadable where the place of a frame is not stated, or frames are not parallel."""
    groups = functional_groups(values, pixels)
    directions = {one for one in groups.decimals(PLANE_ORIENTATION_SEQUENCE, IMAGE_ORIENTATION_PATIENT)}
    spacings = {one for one in groups.decimals(PIXEL_MEASURES_SEQUENCE, PIXEL_SPACING)}
    stated = groups.decimals(PLANE_POSITION_SEQUENCE, IMAGE_POSITION_PATIENT)
    if len(directions) != 1 or len(spacings) != 1 or not stated or any(len(place) != 3 for place in stated):
        raise Unreadable(Reason.UNSUPPORTED)
    (direction,), (spacing,) = directions, spacings
    if len(direction) != 6 or len(spacing) != 2 or min(spacing) <= 0:
        raise Unreadable(Reason.MALFORMED)
    axes, positions = np.array(direction).reshape(2, 3), np.resize(np.array(stated), (pixels.frames, 3))
    heights, corners = positions @ np.cross(axes[0], axes[1]), positions @ axes.T
    if not np.isfinite(positions).all() or np.ptp(corners, axis=0).max() > _SAME_MM:
        raise Unreadable(Reason.UNSUPPORTED)
    depths = [one[0] for one in groups.decimals(PIXEL_MEASURES_SEQUENCE, SPACING_BETWEEN_SLICES) if one and one[0] > 0]
    thick = [one[0] for one in groups.decimals(PIXEL_MEASURES_SEQUENCE, SLICE_THICKNESS) if one and one[0] > 0]
    single = float(np.ptp(heights)) <= _SAME_MM
    step = depths[0] if depths else thick[0] if single and thick else None
    return Placing(axes, (spacing[0], spacing[1]), corners[0], heights, step)


@dataclass(frozen=True)
class CommonPlanes:
    """Planes that two objects share: how many, mm between them, and of each object the plane of each frame."""

    number: int
    step_mm: float
    mine: NDArray[np.intp]
    theirs: NDArray[np.intp]


def common_planes(mine: Placing, theirs: Placing) -> CommonPlanes | None:
    """None where the objects lie on different grids."""
    if not mine.lies_as(theirs):
        return None
    heights = np.concatenate([mine.heights_mm, theirs.heights_mm])
    steps = np.diff(np.unique(np.round(heights, 2)))
    found = float(steps[steps > _SAME_MM].min()) if (steps > _SAME_MM).any() else None
    stated = [one.step_mm for one in (mine, theirs) if one.step_mm]
    step = min([*stated, *([found] if found else [])], default=1.0)
    places = (heights - heights.min()) / step
    numbers = np.rint(places)
    if (np.abs(places - numbers) > _BETWEEN_PLANES).any() or numbers.max() > _MOST_PLANES:
        return None
    planes = numbers.astype(np.intp)
    return CommonPlanes(int(planes.max()) + 1, step, planes[: mine.heights_mm.size], planes[mine.heights_mm.size :])
