"""Distances between the surfaces of two masks, in millimetres, on grids of any spacing.

A surface is the voxels of a mask that have a face neighbour outside it (the outside of the array
counts as outside); a distance is that between centres of voxels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import edt
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]
_ROUNDING_MM = 1e-4  # distances are single precision, and a tolerance is often just one voxel


@dataclass(frozen=True)
class SurfaceDistances:
    """From each surface voxel of one mask the distance in mm to the nearest of the other; never empty."""

    result_to_reference: NDArray[np.float32]
    reference_to_result: NDArray[np.float32]

    def hausdorff(self, percentile: float = 95.0) -> float:
        """Hausdorff distance at a percentile: the larger of the two directed ones, in mm."""
        each = (self.result_to_reference, self.reference_to_result)
        return max(float(np.percentile(distances, percentile)) for distances in each)

    def surface_dice(self, tolerance_mm: float) -> float:
        """Share of both surfaces within the tolerance of the other (Nikolov et al., J Med Internet Res 23 (2021) e26151)."""
        each = (self.result_to_reference, self.reference_to_result)
        within = sum(int(np.count_nonzero(distances <= tolerance_mm + _ROUNDING_MM)) for distances in each)
        return within / sum(distances.size for distances in each)


def surface_distances(result: Mask, reference: Mask, spacing_mm: Spacing) -> SurfaceDistances:
    """Both masks hold a voxel; axes as in `spacing_mm`. Memory is about 12 bytes a voxel: crop first."""
    mine, theirs = surface(result), surface(reference)
    return SurfaceDistances(_distance_to(theirs, spacing_mm)[mine], _distance_to(mine, spacing_mm)[theirs])


def surface(mask: Mask) -> Mask:
    """The voxels of `mask` with a face neighbour outside."""
    inside = mask.copy()
    for axis in range(mask.ndim):
        before, after = _along(axis, slice(None, -1)), _along(axis, slice(1, None))
        inside[after] &= mask[before]
        inside[before] &= mask[after]
        inside[_along(axis, slice(0, 1))] = False
        inside[_along(axis, slice(-1, None))] = False
    found: Mask = mask & ~inside
    return found


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (*([slice(None)] * axis), part)


def _distance_to(voxels: Mask, spacing_mm: Spacing) -> NDArray[np.float32]:
    """Of every voxel the distance to the nearest of `voxels` (Euclidean distance transform)."""
    distances: NDArray[Any] = edt.edt(np.ascontiguousarray(~voxels), anisotropy=spacing_mm, black_border=False, parallel=1)
    return distances
