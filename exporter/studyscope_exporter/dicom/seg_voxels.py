"""Two segmentation objects of one image as label maps on the grid that both lie on.

Segments may overlap: voxels of several segments have a label of their own, which stands for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.dicom.seg_counting import check_frames_fit
from studyscope_exporter.dicom.seg_file import OpenedDataset, opened_dataset
from studyscope_exporter.dicom.seg_frames import read_frames
from studyscope_exporter.dicom.seg_header import PixelDescription, Segment, Values, pixel_description, segments
from studyscope_exporter.dicom.seg_parts import inside, shown_frames
from studyscope_exporter.dicom.seg_placing import CommonPlanes, Placing, common_planes, placing
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.structures import structure_name

MOST_VOXELS = 1 << 28
"""More are refused (512 x 512 x 1024): two maps then take 1 GiB."""
_HIGHEST_LABEL = (1 << 16) - 1


class OtherGrid(Exception):
    """The two objects do not lie on one grid."""


@dataclass(frozen=True)
class SegmentGrid:
    """Labels by voxel (plane, row, column; 16 bits), and of each structure the labels that stand for it."""

    labels: NDArray[np.uint16]
    structures: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class SegmentPair:
    """Two objects on one grid; `spacing_mm` is between planes, rows and columns."""

    mine: SegmentGrid
    theirs: SegmentGrid
    spacing_mm: tuple[float, float, float]


def read_pair(mine: Path, theirs: Path) -> SegmentPair:
    """Raises Unreadable and OtherGrid."""
    with ExitStack() as files:
        one, other = (_Opened.of(files.enter_context(opened_dataset(path))) for path in (mine, theirs))
        planes = common_planes(one.placing, other.placing)
        if planes is None or (one.pixels.rows, one.pixels.columns) != (other.pixels.rows, other.pixels.columns):
            raise OtherGrid
        if planes.number * one.pixels.rows * one.pixels.columns > MOST_VOXELS:
            raise Unreadable(Reason.TOO_LARGE)
        grids = one.grid(planes.mine, planes), other.grid(planes.theirs, planes)
    return SegmentPair(*grids, (planes.step_mm, *one.placing.spacing_mm))


@dataclass(frozen=True)
class _Opened:
    """A segmentation object whose header is read."""

    dataset: OpenedDataset
    pixels: PixelDescription
    declared: tuple[Segment, ...]
    segment_numbers: NDArray[np.int64]
    placing: Placing

    @classmethod
    def of(cls, dataset: OpenedDataset) -> _Opened:
        values = Values(dataset)
        pixels, declared = pixel_description(values), segments(values)
        check_frames_fit(dataset, pixels)
        return cls(dataset, pixels, declared, read_frames(values, pixels, declared).segment_numbers, placing(values, pixels))

    def grid(self, planes: NDArray[np.intp], common: CommonPlanes) -> SegmentGrid:
        shape = (common.number, self.pixels.rows, self.pixels.columns)
        numbers = {segment.number for segment in self.declared}
        filled = _Filled(np.zeros(shape, np.uint16))
        for at, number, mask in self._masks(numbers):
            filled.add(int(planes[at]), number, mask.reshape(shape[1:]))
        structures: dict[str, set[int]] = {}
        for segment in self.declared:
            name = structure_name(segment.label, f"segment {segment.number}")
            structures.setdefault(name, set()).update(filled.labels_of(segment.number))
        return SegmentGrid(filled.labels, {name: tuple(sorted(labels)) for name, labels in structures.items()})

    def _masks(self, numbers: set[int]) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
        """Frame, segment and mask; of a label map each segment of each frame."""
        every = np.ones(self.pixels.frames, bool)
        for at, frame in shown_frames(self.dataset, self.pixels, every):
            if self.pixels.segmentation_type != "LABELMAP":
                number = int(self.segment_numbers[at])
                yield at, number, inside(frame, self.pixels, number)
                continue
            for number in numbers & set(np.unique(frame).tolist()):
                yield at, number, inside(frame, self.pixels, number)


class _Filled:
    """A label map that is filled frame by frame; a set of segments has one label."""

    def __init__(self, labels: NDArray[np.uint16]) -> None:
        self.labels = labels
        self._label_of: dict[frozenset[int], int] = {frozenset(): 0}
        self._of_label: list[frozenset[int]] = [frozenset()]

    def add(self, plane: int, number: int, mask: NDArray[Any]) -> None:
        area = self.labels[plane]
        before = area[mask]
        for label in np.unique(before).tolist():
            area[mask & (area == label)] = self._label(self._of_label[label] | {number})

    def _label(self, of: frozenset[int]) -> int:
        if of not in self._label_of:
            if len(self._of_label) > _HIGHEST_LABEL:
                raise Unreadable(Reason.UNSUPPORTED)
            self._label_of[of] = len(self._of_label)
            self._of_label.append(of)
        return self._label_of[of]

    def labels_of(self, number: int) -> list[int]:
        return [label for label, of in enumerate(self._of_label) if number in of]
