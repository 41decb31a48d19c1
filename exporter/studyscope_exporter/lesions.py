"""How many separate parts a structure has: voxels that touch, even at a corner only, are one part (26 neighbours)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import cc3d
import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.foreground import PER_WORD, filled_words, voxels_in

MOST_VOXELS = 1 << 27
"""In larger images parts are not counted: it would take more than a gigabyte."""
NEIGHBOURS: Final = 26


def lesion_counts(labels: NDArray[Any], structures: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Parts by structure; `labels` (three axes, whole in memory in one order) are 8 or 16 bits wide.

    All structures of one label are counted in one pass, each region of several labels in one of its own.
    """
    single = {of[0]: name for name, of in structures.items() if len(of) == 1}
    counts = dict.fromkeys(structures, 0)
    if single:
        for label, count in _parts_by_label(labels, frozenset(single)).items():
            counts[single[label]] = count
    for name, of in structures.items():
        if len(of) > 1:
            union = np.isin(labels, of).view(np.uint8)
            counts[name] = _parts_by_label(union, frozenset({1})).get(1, 0)
    return counts


def _parts_by_label(labels: NDArray[Any], wanted: frozenset[int]) -> dict[int, int]:
    flat = labels.reshape(-1, order="A")
    filled = filled_words(flat)
    voxels = voxels_in(flat, filled)
    present = np.zeros(1 << 16, np.bool_)
    present[voxels] = True
    found = frozenset((np.flatnonzero(present[1:]) + 1).tolist())
    if not found:
        return {}
    if not found <= wanted:
        keep = np.zeros(1 << 16, labels.dtype)
        keep[list(wanted)] = list(wanted)
        return _parts_by_label(keep[labels], wanted)
    begin, end, skipped = _filled_planes(labels, filled)
    cut = labels[..., begin:end] if labels.flags.f_contiguous else labels[begin:end]
    parts, number = cc3d.connected_components(cut, connectivity=NEIGHBOURS, return_N=True)
    label_of = np.zeros(number + 1, np.int64)
    label_of[voxels_in(parts.reshape(-1, order="A"), filled - skipped, labels.itemsize)] = voxels
    counts = np.bincount(label_of[1:])
    return {int(label): int(counts[label]) for label in np.flatnonzero(counts)}


def _filled_planes(labels: NDArray[Any], filled: NDArray[np.intp]) -> tuple[int, int, int]:
    """The first plane that holds anything and the one behind the last, and how many pieces lie before.

    Planes are those along the axis that varies slowest in memory; all of them where pieces do not end with planes.
    """
    slowest = labels.shape[-1] if labels.flags.f_contiguous else labels.shape[0]
    pieces, rest = divmod(labels.size // slowest, PER_WORD[labels.itemsize])
    if rest:
        return 0, slowest, 0
    begin = int(filled[0]) // pieces
    return begin, int(filled[-1]) // pieces + 1, begin * pieces
