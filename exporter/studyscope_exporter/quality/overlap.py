"""Measures of overlap, from counts of voxels (or ml, or lesions): what is in both, in the result, in the reference."""

from __future__ import annotations


def dice(both: float, result: float, reference: float) -> float | None:
    """Dice coefficient, 0 to 1 (Dice, Ecology 26 (1945) 297); None where result and reference are empty."""
    return 2.0 * both / (result + reference) if result + reference else None


def intersection_over_union(both: float, result: float, reference: float) -> float | None:
    """Jaccard index, 0 to 1; None where result and reference are empty."""
    union = result + reference - both
    return both / union if union else None


def volume_difference(result: float, reference: float) -> float | None:
    """|result - reference| over their mean, 0 to 2; None where one of them is empty."""
    if not result or not reference:
        return None
    return abs(result - reference) / ((result + reference) / 2.0)
