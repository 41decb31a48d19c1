"""Two label maps on one grid, structure by structure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.foreground import filled_words, places_in, voxels_in
from studyscope_exporter.quality.instances import MatchedInstances, matched_instances
from studyscope_exporter.quality.noise import Counts, confused_with, kinds_of_noise
from studyscope_exporter.quality.overlap import dice, volume_difference
from studyscope_exporter.quality.surface import Spacing, SurfaceDistances, surface_distances
from studyscope_exporter.records import Agreement

Labels = NDArray[np.uint8] | NDArray[np.uint16]
StructureLabels = Mapping[str, Sequence[int]]
"""Structures by name with the labels that make them up."""
MOST_LABELS = 1024


class TooManyLabels(ValueError):
    """A label map with more than MOST_LABELS labels names no structures."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_LABELS} different labels; is this an image?")


@dataclass(frozen=True)
class LabelledGrid:
    """One reading of an image: labels by voxel, and the structures that they stand for."""

    labels: Labels
    structures: StructureLabels


@dataclass(frozen=True)
class Confusion:
    """How many voxels have which label in the result (rows) and in the reference (columns)."""

    voxels: NDArray[np.int64]
    rows: Mapping[int, int]  # label -> row
    columns: Mapping[int, int]

    def count(self, result: Sequence[int], reference: Sequence[int]) -> int:
        return int(self.voxels[np.ix_(_places(self.rows, result), _places(self.columns, reference))].sum())

    def in_result(self, labels: Sequence[int]) -> int:
        return int(self.voxels[_places(self.rows, labels)].sum())

    def in_reference(self, labels: Sequence[int]) -> int:
        return int(self.voxels[:, _places(self.columns, labels)].sum())


def _places(known: Mapping[int, int], labels: Sequence[int]) -> list[int]:
    return [known[label] for label in sorted(set(labels)) if label in known]


def confusion(result: Labels, reference: Labels) -> Confusion:
    """Counts both label maps against each other where one of them holds anything.

    Raises TooManyLabels.
    """
    return _Foreground.of(result, reference).confusion()


@dataclass(frozen=True)
class _Foreground:
    """Both readings where one of them holds anything: labels, and the coordinates of each voxel."""

    result: Labels
    reference: Labels
    axes: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, result: Labels, reference: Labels) -> _Foreground:
        if result.dtype != reference.dtype:
            result, reference = result.astype(np.uint16, copy=False), reference.astype(np.uint16, copy=False)
        order: Literal["F", "C"] = "F" if result.flags.f_contiguous else "C"
        mine, theirs = result.reshape(-1, order=order), reference.reshape(-1, order=order)
        words = np.union1d(filled_words(mine), filled_words(theirs))
        places = places_in(mine.size, mine.itemsize, words)
        return cls(voxels_in(mine, words), voxels_in(theirs, words), np.unravel_index(places, result.shape, order=order))

    def confusion(self) -> Confusion:
        rows, columns = _present(self.result), _present(self.reference)
        together = (_lookup(rows) * len(columns))[self.result] + _lookup(columns)[self.reference]
        counts = np.bincount(together, minlength=len(rows) * len(columns))
        places = ({int(label): place for place, label in enumerate(found)} for found in (rows, columns))
        return Confusion(counts.reshape(len(rows), len(columns)), *places)

    def boxes(self, labels: Labels) -> dict[int, tuple[slice, ...]]:
        """The box around each label that occurs."""
        order = np.argsort(labels, kind="stable")
        begins = np.flatnonzero(np.diff(labels[order].astype(np.int64), prepend=-1))
        if not begins.size:
            return {}
        found = labels[order][begins].tolist()
        ends = [
            (np.minimum.reduceat(axis[order], begins).tolist(), np.maximum.reduceat(axis[order], begins).tolist())
            for axis in self.axes
        ]
        return {label: tuple(slice(low[at], high[at] + 1) for low, high in ends) for at, label in enumerate(found) if label}


def _present(labels: Labels) -> NDArray[np.intp]:
    seen = np.zeros(1 << 16, np.bool_)
    seen[0] = True
    seen[labels] = True
    present = np.flatnonzero(seen)
    if present.size > MOST_LABELS:
        raise TooManyLabels
    return present


def _lookup(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    table = np.zeros(1 << 16, np.intp)
    table[labels] = np.arange(labels.size)
    return table


def agreements(
    result: LabelledGrid,
    reference: LabelledGrid,
    spacing_mm: Spacing,
    tolerance_mm: float,
    only: Collection[str] = (),
    lesions: Collection[str] = (),
) -> tuple[Agreement, ...]:
    """One Agreement per structure that either reading names, or of those in `only`, in that order.

    Of those in `lesions` the separate parts are matched too. Both label maps have one shape and one
    order in memory. Surfaces are measured in the box around the structure, so memory beside the maps
    grows with the largest structure.
    """
    foreground = _Foreground.of(result.labels, reference.labels)
    counts = foreground.confusion()
    boxes = (foreground.boxes(foreground.result), foreground.boxes(foreground.reference))
    found = []
    for name in only or dict.fromkeys((*result.structures, *reference.structures)):
        mine, theirs = tuple(result.structures.get(name, ())), tuple(reference.structures.get(name, ()))
        of_structure = _counts(counts, mine, theirs, name, reference.structures)
        distances = matched = None
        looks = of_structure.result and of_structure.reference
        if looks or (name in lesions and (of_structure.result or of_structure.reference)):
            box = _around([*(boxes[0].get(label) for label in mine), *(boxes[1].get(label) for label in theirs)])
            here, there = np.isin(result.labels[box], mine), np.isin(reference.labels[box], theirs)
            distances = surface_distances(here, there, spacing_mm) if looks else None
            matched = matched_instances(here, there) if name in lesions else None
        measured = _agreement(name, of_structure, distances, tolerance_mm, float(np.prod(spacing_mm)) / 1000.0)
        found.append(measured if matched is None else _with_instances(measured, matched))
    return tuple(found)


def _with_instances(agreement: Agreement, found: MatchedInstances) -> Agreement:
    return replace(
        agreement,
        instances=found.result,
        reference_instances=found.reference,
        matched_instances=found.matched,
        matched_iou=found.iou,
    )


def _counts(counts: Confusion, mine: Sequence[int], theirs: Sequence[int], name: str, others: StructureLabels) -> Counts:
    # A region that holds this structure (tumour in liver) is no other structure.
    apart = {other: labels for other, labels in others.items() if other != name and not set(labels) & set(theirs)}
    return Counts(
        both=counts.count(mine, theirs),
        result=counts.in_result(mine),
        reference=counts.in_reference(theirs),
        elsewhere={other: (counts.count(mine, labels), counts.in_reference(labels)) for other, labels in apart.items()},
    )


def _agreement(name: str, counts: Counts, distances: SurfaceDistances | None, tolerance_mm: float, voxel_ml: float) -> Agreement:
    hausdorff_mm = distances.hausdorff() if distances else None
    return Agreement(
        structure=name,
        dice=dice(counts.both, counts.result, counts.reference),
        surface_dice=distances.surface_dice(tolerance_mm) if distances else None,
        hausdorff_mm=hausdorff_mm,
        volume_difference=volume_difference(counts.result, counts.reference),
        noise=" ".join(kinds_of_noise(counts, hausdorff_mm, tolerance_mm)),
        confused_with=confused_with(counts),
        volume_ml=counts.result * voxel_ml,
        reference_ml=counts.reference * voxel_ml,
    )


def _around(boxes: Sequence[tuple[slice, ...] | None]) -> tuple[slice, ...]:
    known = [box for box in boxes if box is not None]
    return tuple(
        slice(min(box[axis].start for box in known), max(box[axis].stop for box in known)) for axis in range(len(known[0]))
    )
