"""How good a classifier's scores are: ranking, calibration, and what is gained by leaving unsure cases to people."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


def confidence_of(stated: Numbers, scores: Numbers, positive: Flags) -> Numbers:
    """In each decision, 0 to 1: what the model states, else the score of the side decided on; NaN where neither is known."""
    confidence: Numbers = np.where(np.isnan(stated), np.where(positive, scores, 1.0 - scores), stated)
    return confidence


def roc_area(scores: Numbers, positive: Flags) -> float | None:
    """Area under the ROC curve: how often a positive case scores above a negative one, ties half (Hanley, McNeil 1982)."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    ranks = _ranks(scores)
    return float(ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives)


def calibration_error(confidence: Numbers, right: Flags, bins: int = 10) -> float | None:
    """Expected calibration error: the mean gap of confidence and share of right decisions, over equal bins (Guo et al. 2017).

    `confidence` (0 to 1) is that of the decision; a bin holds its upper edge.
    """
    if not confidence.size:
        return None
    places = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(places, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / confidence.size)


def risk_coverage_area(confidence: Numbers, right: Flags) -> float | None:
    """Area under the risk-coverage curve: the mean share of wrong decisions among the n surest, over all n.

    Geifman and El-Yaniv 2017. Cases of one confidence come in no order: each counts as wrong as they are on average.
    """
    return selective_risk_area(confidence, (~right).astype(np.float64))


def selective_risk_area(confidence: Numbers, risk: Numbers) -> float | None:
    """As `risk_coverage_area`, where each case has a risk of its own, as 1 - Dice."""
    if not confidence.size:
        return None
    order = np.argsort(-confidence, kind="stable")
    levels, group = np.unique(-confidence[order], return_inverse=True)
    mean = np.bincount(group, weights=risk[order], minlength=levels.size) / np.bincount(group, minlength=levels.size)
    risks = np.cumsum(mean[group]) / np.arange(1, confidence.size + 1)
    return float(risks.mean())


def _ranks(values: Numbers) -> NDArray[Any]:
    """Ranks from 1, equal values with the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[Any] = (ends - (counts - 1) / 2.0)[group]
    return ranks
