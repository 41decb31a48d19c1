"""Volumes from contours: the area that each plane's contours enclose, times the plane's share of the space between planes.

Contours of one plane combine by even-odd (PS3.3 C.8.8.6.3): one inside another is a hole, one inside
a hole is filled again; one that is drawn twice counts once. A hole that is drawn as a keyhole, with a
channel to the outside, subtracts by itself. Contours that cross each other count as if they did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.dicom.rtstruct_header import Contours
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

Points = NDArray[np.float64]
SAME_PLANE_MM = 0.01
GAP = 3.0
"""Planes further apart than so many times the usual distance have nothing between them."""
MOST_COMPARED = 1_000_000_000
"""Corners that are held against edges in one region; more is no drawing."""
_CORNERS_TRIED = 7


@dataclass(frozen=True)
class Planes:
    """Positions in mm along the normal, rising, and the area in mm2 that is enclosed on each."""

    positions: Points
    areas: Points


@dataclass(frozen=True)
class Stack:
    """Contours by plane: positions in mm along the normal, rising, of each the numbers of its contours; points in the plane."""

    positions: Points
    contours: list[NDArray[np.intp]]
    flat: Points
    areas: Points  # mm2, of each contour alone


def stacked(contours: Contours) -> Stack:
    """Raises Unreadable where contours of a region are not parallel."""
    vectors = _vector_areas(contours)
    sizes = np.linalg.norm(vectors, axis=1)
    normal = vectors[sizes.argmax()] / (sizes.max() or 1.0)
    areas = np.abs(vectors @ normal)
    # A sliver's direction is noise: only what encloses something must be parallel.
    if (areas < 0.99 * sizes)[sizes > 1.0].any():
        raise Unreadable(Reason.UNSUPPORTED)
    along = np.add.reduceat(contours.points @ normal, contours.begins) / _counts(contours)
    order = np.argsort(along, kind="stable")
    starts = np.flatnonzero(np.diff(along[order], prepend=-np.inf) > SAME_PLANE_MM)
    return Stack(along[order][starts], np.split(order, starts[1:]), _in_plane(contours.points, normal), areas)


def region_planes(contours: Contours) -> Planes:
    """Raises Unreadable where contours of a region are not parallel, or too many lie on one plane."""
    if not len(contours.points):
        return Planes(np.zeros(0), np.zeros(0))
    stack, budget, enclosed = stacked(contours), MOST_COMPARED, []
    areas = stack.areas
    for together in stack.contours:
        if len(together) > 1:
            # The largest first: whatever is inside another one comes after it.
            signs, budget = _signs(contours, stack.flat, together[np.argsort(-areas[together], kind="stable")], budget)
            enclosed.append(abs(float(np.sort(areas[together])[::-1] @ signs)))
        else:
            enclosed.append(float(areas[together[0]]))
    return Planes(stack.positions, np.array(enclosed))


def smallest_distance(regions: Sequence[Planes]) -> float | None:
    """The smallest distance in mm of two planes of one region; None where no region has two."""
    steps = [np.diff(planes.positions).min() for planes in regions if len(planes.positions) > 1]
    return float(min(steps)) if steps else None


def volume_ml(planes: Planes, alone_mm: float | None) -> float:
    """Each plane stands for the space to halfway to its neighbours; an outer one for as much on its open side.

    `alone_mm` is the thickness of a region on a single plane; Unreadable where that is unknown.
    """
    if not len(planes.positions):
        return 0.0
    if len(planes.positions) == 1:
        if alone_mm is None:
            raise Unreadable(Reason.UNSUPPORTED)
        return float(planes.areas[0]) * alone_mm / 1000.0
    steps = np.diff(planes.positions)
    steps = np.where(gaps(planes.positions), np.median(steps), steps)
    below, above = np.concatenate([steps[:1], steps]), np.concatenate([steps, steps[-1:]])
    return float(planes.areas @ (below + above)) / 2.0 / 1000.0


def gaps(positions: Points) -> NDArray[np.bool_]:
    """Between which neighbouring planes there is nothing: those more than GAP times as far apart as usual."""
    steps = np.diff(positions)
    return steps > GAP * np.median(steps) if steps.size else np.zeros(0, np.bool_)


def _counts(contours: Contours) -> NDArray[np.intp]:
    return np.diff(contours.begins, append=len(contours.points))


def _vector_areas(contours: Contours) -> Points:
    """Of each contour the vector along its normal whose length is its area (half the sum of p x next p)."""
    last = np.concatenate([contours.begins[1:], [len(contours.points)]]) - 1
    following = np.roll(contours.points, -1, axis=0)
    following[last] = contours.points[contours.begins]
    # From the contour's first point, so that coordinates far from the origin cost no digits.
    origin = np.repeat(contours.points[contours.begins], _counts(contours), axis=0)
    crossed = np.cross(contours.points - origin, following - origin)
    summed: Points = np.add.reduceat(crossed, contours.begins, axis=0) / 2.0
    return summed


def _in_plane(points: Points, normal: Points) -> Points:
    """Two coordinates in the plane: those of the axes that the normal leans to least."""
    keep = np.sort(np.argsort(np.abs(normal), kind="stable")[:2])
    return np.ascontiguousarray(points[:, keep])


def _signs(contours: Contours, flat: Points, together: NDArray[np.intp], budget: int) -> tuple[Points, int]:
    """+1 for a contour inside an even number of those before it, -1 for a hole, 0 for a copy; and the budget that is left."""
    begins, counts = contours.begins, _counts(contours)
    polygons = [flat[begins[at] : begins[at] + counts[at]] for at in together]
    budget -= _CORNERS_TRIED * len(polygons) * sum(map(len, polygons))
    if budget < 0:
        raise Unreadable(Reason.UNSUPPORTED)
    lows, highs = (np.array([edge(polygon, axis=0) for polygon in polygons]) for edge in (np.min, np.max))
    depth, signs = np.zeros(len(polygons), np.intp), np.ones(len(polygons))
    for outer, polygon in enumerate(polygons):
        inside_box = ((lows >= lows[outer]) & (highs <= highs[outer])).all(axis=1)
        for inner in np.flatnonzero(inside_box[outer + 1 :]) + outer + 1:
            if np.array_equal(polygons[inner], polygon):
                signs[inner] = 0.0  # drawn twice, by mistake
            elif signs[outer]:
                depth[inner] += _is_inside(polygons[inner], polygon)
    return np.where(depth % 2, -signs, signs), budget


def _is_inside(inner: Points, outer: Points) -> bool:
    """Whether most of some corners of `inner` are within `outer`, by crossings of a ray (some may touch)."""
    corners = inner[:: max(1, len(inner) // _CORNERS_TRIED)][:_CORNERS_TRIED]
    begin, end = outer, np.roll(outer, -1, axis=0)
    rise = end[:, 1] - begin[:, 1]
    crossed = (begin[:, 1] > corners[:, 1:]) != (end[:, 1] > corners[:, 1:])
    at = begin[:, 0] + (corners[:, 1:] - begin[:, 1]) * (end[:, 0] - begin[:, 0]) / np.where(rise == 0, 1.0, rise)
    inside = (crossed & (corners[:, :1] < at)).sum(axis=1) % 2 == 1
    return bool(2 * np.count_nonzero(inside) > len(corners))
