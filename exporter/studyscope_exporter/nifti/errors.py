"""Why a file gives no label map.

UnreadableLabelMap(reason)
"""

from __future__ import annotations


class UnreadableLabelMap(Exception):
    """The file holds no label map that can be counted; `reason` is one of REASONS and holds no path."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"this label map cannot be counted: {reason}")
        self.reason = reason


NOT_NIFTI = "not NIfTI"
TRUNCATED = "truncated"
DAMAGED = "damaged"
HEADER_ONLY = "header without its image"
IMPOSSIBLE_SIZE = "impossible size"
TOO_LARGE = "too large"
SEVERAL_VOLUMES = "more than one volume"
NOT_LABELS = "not whole-number labels"
NEGATIVE_LABELS = "negative labels"
TOO_MANY_LABELS = "too many labels"
NO_VOXEL_SIZE = "no voxel size"
OTHER_GRID = "another grid than its counterpart"
NO_PERMISSION = "no permission"
VANISHED = "vanished"
INPUT_ERROR = "input/output error"

REASONS = (
    NOT_NIFTI,
    TRUNCATED,
    DAMAGED,
    HEADER_ONLY,
    IMPOSSIBLE_SIZE,
    TOO_LARGE,
    SEVERAL_VOLUMES,
    NOT_LABELS,
    NEGATIVE_LABELS,
    TOO_MANY_LABELS,
    NO_VOXEL_SIZE,
    OTHER_GRID,
    NO_PERMISSION,
    VANISHED,
    INPUT_ERROR,
)
