"""Instances of one structure (lesions) in two masks, matched one to one.

An instance is a part whose voxels touch, even at a corner only (26 neighbours). Two match when they
share more than half of what they hold together (IoU over 0.5): then no other instance of either mask
can match one of them (Kirillov et al., Panoptic Segmentation, CVPR 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.lesions import NEIGHBOURS
from studyscope_exporter.quality.surface import Mask

MATCHING_IOU = 0.5


@dataclass(frozen=True, slots=True)
class MatchedInstances:
    """How many instances both masks have, how many match, and the mean IoU of those that do."""

    result: int
    reference: int
    matched: int
    iou: float | None


def matched_instances(result: Mask, reference: Mask) -> MatchedInstances:
    """Both masks have one shape. Memory is about ten bytes a voxel: crop first."""
    (mine, count), (theirs, other_count) = _instances(result), _instances(reference)
    if not count or not other_count:
        return MatchedInstances(count, other_count, 0, None)
    sizes, other_sizes = np.bincount(mine.ravel()), np.bincount(theirs.ravel())
    shared = (mine > 0) & (theirs > 0)
    pairs, common = np.unique(mine[shared].astype(np.int64) * (other_count + 1) + theirs[shared], return_counts=True)
    here, there = np.divmod(pairs, other_count + 1)
    iou = common / (sizes[here] + other_sizes[there] - common)
    matching = iou[iou > MATCHING_IOU]
    return MatchedInstances(count, other_count, matching.size, float(matching.mean()) if matching.size else None)


def _instances(mask: Mask) -> tuple[NDArray[Any], int]:
    parts, number = cc3d.connected_components(np.ascontiguousarray(mask), connectivity=NEIGHBOURS, return_N=True)
    return parts, int(number)
