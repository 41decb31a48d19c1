"""Since when a site withholds a number beside which too few people are (docs/decisions/0010): a ledger does not say it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

from studyscope_exporter.attack.background import Background, deduced
from studyscope_exporter.attack.prover import Contradiction, Prover
from studyscope_exporter.attack.published import PublishedHistory


def beside_since(history: PublishedHistory, known: Background) -> int:
    """The first grid point from which on that rule fits all that was published. Raises Contradiction where no rule does."""
    points = [*(moment.grid_point for moment in history.moments), history.moments[-1].grid_point + 1]
    if not _fits(history, known, points[-1]):
        raise Contradiction
    return points[bisect_left(points[:-1], True, key=lambda point: _fits(history, known, point))]


def _fits(history: PublishedHistory, known: Background, since: int) -> bool:
    try:
        Prover(deduced(history, replace(known, beside_since=since)).puzzle, [])
    except Contradiction:
        return False
    return True
