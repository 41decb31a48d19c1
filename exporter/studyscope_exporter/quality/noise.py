"""What kind of error a structure of a result has: the rules behind the table `label_noise`.

1. missing_structure: the reference holds it, the result does not.
2. extra_structure: the result holds it, the reference does not.
3. label_swap: more than half of the result lies where the reference has one other structure, and fills more than half of it.
4. Otherwise, and only where the surfaces are further apart than the tolerance (HD95):
   over_segmentation, under_segmentation: the volume is more than 15 % above, below the reference;
   boundary_shift: more than 10 % of the reference was given up and as much taken elsewhere.

A tolerance is what two careful readers may differ by; errors under it are no noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OTHER_STRUCTURE_SHARE = 0.5
VOLUME_SHARE = 0.15
EXCHANGED_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Counts:
    """Voxels of one structure.

    `elsewhere`: by each other structure of the reference, how many of the result's lie in it and how many it has.
    """

    both: int
    result: int
    reference: int
    elsewhere: Mapping[str, tuple[int, int]]


def confused_with(counts: Counts) -> str:
    """The one other structure that the result's is most of, "" where it is none: there is at most one."""
    swapped = (
        name for name, (inside, whole) in counts.elsewhere.items() if inside > OTHER_STRUCTURE_SHARE * max(counts.result, whole)
    )
    return next(swapped, "")


def kinds_of_noise(counts: Counts, hausdorff_mm: float | None, tolerance_mm: float) -> tuple[str, ...]:
    """Codes of LABEL_NOISE_CODES, in their order; none where the structure agrees. `hausdorff_mm` None: one side is empty."""
    if confused_with(counts):
        return ("label_swap",)
    if not counts.result:
        return ("missing_structure",) if counts.reference else ()
    if not counts.reference:
        return ("extra_structure",)
    if hausdorff_mm is None or hausdorff_mm <= tolerance_mm:
        return ()
    growth = (counts.result - counts.reference) / counts.reference
    exchanged = min(counts.result, counts.reference) - counts.both
    found = {
        "boundary_shift": exchanged > EXCHANGED_SHARE * counts.reference,
        "over_segmentation": growth > VOLUME_SHARE,
        "under_segmentation": growth < -VOLUME_SHARE,
    }
    return tuple(code for code, applies in found.items() if applies)
