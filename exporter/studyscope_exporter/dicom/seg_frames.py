"""What the functional groups say of each frame: which segment it shows and how large its voxels are.

PS3.3 C.7.6.16 (multi-frame functional groups). A group is in the shared item or in each frame's.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.dicom.seg_elements import Range
from studyscope_exporter.dicom.seg_header import PixelDescription, Segment, Values
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

SHARED_FUNCTIONAL_GROUPS_SEQUENCE = 0x52009229
PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE = 0x52009230
SEGMENT_IDENTIFICATION_SEQUENCE, REFERENCED_SEGMENT_NUMBER = 0x0062000A, 0x0062000B
PIXEL_MEASURES_SEQUENCE = 0x00289110
PIXEL_SPACING, SPACING_BETWEEN_SLICES, SLICE_THICKNESS = 0x00280030, 0x00180088, 0x00180050
PLANE_POSITION_SEQUENCE, IMAGE_POSITION_PATIENT = 0x00209113, 0x00200032
PLANE_ORIENTATION_SEQUENCE, IMAGE_ORIENTATION_PATIENT = 0x00209116, 0x00200037

_NOISE_MM = 1e-3  # positions are written as decimal text


@dataclass(frozen=True, slots=True)
class Frames:
    """Per frame: SegmentNumber (0 throughout in a label map) and the volume of a voxel in ml."""

    segment_numbers: NDArray[np.int64]
    voxel_ml: NDArray[np.float64]


def read_frames(values: Values, pixels: PixelDescription, segments: Sequence[Segment]) -> Frames:
    """Raises Unreadable where a frame's segment or the size of a voxel is not stated."""
    shared = values.items(values.dataset.values.get(SHARED_FUNCTIONAL_GROUPS_SEQUENCE))[:1]
    each = values.items(values.dataset.values.get(PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE))
    if each and len(each) < pixels.frames:
        raise Unreadable(Reason.MALFORMED)
    groups = FunctionalGroups(values, shared, each[: pixels.frames])
    if pixels.segmentation_type == "LABELMAP":
        numbers = np.zeros(pixels.frames, np.int64)
    else:
        numbers = _segment_numbers(groups, pixels.frames, segments)
    return Frames(numbers, _voxel_ml(groups, pixels.frames))


def frame_heights(values: Values, pixels: PixelDescription) -> NDArray[np.float64] | None:
    """Of each frame the place in mm along the normal of all frames; None where positions or one direction are not stated."""
    groups = functional_groups(values, pixels)
    directions = set(groups.decimals(PLANE_ORIENTATION_SEQUENCE, IMAGE_ORIENTATION_PATIENT))
    positions = groups.decimals(PLANE_POSITION_SEQUENCE, IMAGE_POSITION_PATIENT)
    if len(directions) != 1 or len(positions) != pixels.frames or any(len(place) != 3 for place in positions):
        return None
    (direction,) = directions
    if len(direction) != 6:
        return None
    heights: NDArray[np.float64] = np.array(positions) @ np.cross(direction[:3], direction[3:])
    return heights if np.isfinite(heights).all() else None


def functional_groups(values: Values, pixels: PixelDescription) -> FunctionalGroups:
    """The groups of an object, with as many of each frame's as it has frames."""
    shared = values.items(values.dataset.values.get(SHARED_FUNCTIONAL_GROUPS_SEQUENCE))[:1]
    each = values.items(values.dataset.values.get(PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE))[: pixels.frames]
    return FunctionalGroups(values, shared, each)


class FunctionalGroups:
    """Looks a functional group up in the shared item first, because that is one look for all frames."""

    def __init__(self, values: Values, shared: Sequence[Range], each: Sequence[Range]) -> None:
        self.values, self._shared, self._each = values, shared, each

    def of_all(self, *path: int) -> list[Range | None]:
        """One entry that holds for all frames, or one per frame; empty where nothing is stated."""
        common = next((found for item in self._shared if (found := self.values.at(item, *path))), None)
        if common is not None:
            return [common]
        per_frame = [self.values.at(item, *path) for item in self._each]
        return per_frame if any(per_frame) else []

    def decimals(self, *path: int) -> list[tuple[float, ...]]:
        return [self.values.decimals(where) for where in self.of_all(*path)]


def _segment_numbers(groups: FunctionalGroups, frames: int, segments: Sequence[Segment]) -> NDArray[np.int64]:
    stated = groups.of_all(SEGMENT_IDENTIFICATION_SEQUENCE, REFERENCED_SEGMENT_NUMBER)
    numbers = [groups.values.number(where, 0) for where in stated]
    if not numbers and len(segments) == 1:
        numbers = [segments[0].number]
    if not numbers or not set(numbers) <= {segment.number for segment in segments}:
        raise Unreadable(Reason.MALFORMED)
    return np.resize(np.array(numbers, np.int64), frames)


def _voxel_ml(groups: FunctionalGroups, frames: int) -> NDArray[np.float64]:
    """PixelSpacing times the distance of slices, per frame.

    The distance is SpacingBetweenSlices (0018,0088); where absent, the smallest distance between the
    planes of the frames along their normal (the smallest, because empty frames may be left out);
    where there is one plane only or none is stated, SliceThickness (0018,0050).
    """
    areas = [
        spacing[0] * spacing[1] if len(spacing) == 2 else 0.0
        for spacing in groups.decimals(PIXEL_MEASURES_SEQUENCE, PIXEL_SPACING)
    ]
    depths = _positive(groups.decimals(PIXEL_MEASURES_SEQUENCE, SPACING_BETWEEN_SLICES))
    if not depths:
        between = _distance_of_planes(groups)
        depths = [between] if between else _positive(groups.decimals(PIXEL_MEASURES_SEQUENCE, SLICE_THICKNESS))
    if not areas or not depths:
        raise Unreadable(Reason.MALFORMED)
    volumes = np.resize(np.array(areas), frames) * np.resize(np.array(depths), frames) / 1000.0
    if not (np.isfinite(volumes) & (volumes > 0)).all():
        raise Unreadable(Reason.MALFORMED)
    return volumes


def _positive(stated: list[tuple[float, ...]]) -> list[float]:
    lengths = [length[0] if length else 0.0 for length in stated]
    return lengths if lengths and all(length > 0 for length in lengths) else []


def _distance_of_planes(groups: FunctionalGroups) -> float | None:
    orientation = groups.decimals(PLANE_ORIENTATION_SEQUENCE, IMAGE_ORIENTATION_PATIENT)
    positions = [place for place in groups.decimals(PLANE_POSITION_SEQUENCE, IMAGE_POSITION_PATIENT) if len(place) == 3]
    if not orientation or len(orientation[0]) != 6 or len(positions) < 2:
        return None
    normal = np.cross(orientation[0][:3], orientation[0][3:])
    along = np.sort(np.array(positions) @ normal)
    steps = [after - before for before, after in itertools.pairwise(along.tolist()) if after - before > _NOISE_MM]
    return min(steps, default=None)
