"""What is inside the patients: structures with plausible volumes on a small grid.

The grid has few voxels of 1 ml, so that a file stays small and its volumes are those of adults.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

SHAPE = (8, 24, 24)
"""Slices, rows, columns."""
SPACING_MM = (10.0, 10.0, 10.0)
VOXEL_ML = SPACING_MM[0] * SPACING_MM[1] * SPACING_MM[2] / 1000

LabelMap = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class StructureProfile:
    """A structure of the study: where it lies (slice, row, column) and how its volume spreads (log-normal)."""

    name: str
    label: int
    centre: tuple[float, float, float]
    median_ml: float
    spread: float
    always: bool = True


STRUCTURES = (
    StructureProfile("liver", 1, (3.0, 9.0, 6.0), 1500, 0.22),
    StructureProfile("spleen", 2, (3.0, 10.0, 19.5), 210, 0.40),
    StructureProfile("kidney_left", 3, (5.5, 16.5, 16.5), 165, 0.22),
    StructureProfile("kidney_right", 4, (5.5, 16.5, 7.0), 160, 0.22),
    StructureProfile("lesion", 5, (2.0, 7.0, 9.0), 14, 1.1, always=False),
)
ADDED = StructureProfile("gallbladder", 6, (3.5, 5.0, 12.0), 30, 0.4)
"""What one hospital segments although the study does not ask for it."""

BY_NAME = {structure.name: structure for structure in (*STRUCTURES, ADDED)}


def label_map(volumes_ml: dict[str, float], shift: tuple[int, int, int] = (0, 0, 0)) -> LabelMap:
    """Labels of the structures with these volumes (whole voxels); a later structure lies over an earlier one.

    The order of drawing is fixed, so a structure keeps its volume only where nothing covers it:
    volumes are therefore filled from voxels that are still free.
    """
    labels = np.zeros(SHAPE, dtype=np.uint8)
    flat = labels.reshape(-1)
    for name in sorted(volumes_ml, key=lambda name: BY_NAME[name].median_ml):
        order = _nearest_first(name)
        free = order[flat[order] == 0]
        flat[free[: round(volumes_ml[name] / VOXEL_ML)]] = BY_NAME[name].label
    return np.roll(labels, shift, (0, 1, 2)) if any(shift) else labels


def volumes(labels: LabelMap) -> dict[str, float]:
    """Volume in ml of every structure in `labels`."""
    counts = np.bincount(labels.reshape(-1), minlength=len(BY_NAME) + 1)
    return {name: float(counts[structure.label]) * VOXEL_ML for name, structure in BY_NAME.items() if counts[structure.label]}


@cache
def _nearest_first(name: str) -> npt.NDArray[np.intp]:
    grid = np.indices(SHAPE).reshape(3, -1).T
    distance = ((grid - np.array(BY_NAME[name].centre)) ** 2).sum(axis=1)
    order: npt.NDArray[np.intp] = np.argsort(distance, kind="stable")
    return order
