"""How fast a study grows now: measured between releases, because between them a published number stands still."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from studyscope_aggregator.forecast.curve import Curve

DAY = dt.timedelta(days=1)
MOVES = 12
"""The pace is that of the last so many moves; fewer than two tell none."""
SHORTEST, LONGEST = 60 * DAY, 545 * DAY
"""A study of many sites moves every day, and a day is no pace; what was long ago is none either."""


@dataclass(frozen=True)
class Pace:
    """Patients per day, measured over `days`."""

    per_day: float
    days: float


def pace(curves: Sequence[Curve], now: dt.datetime) -> Pace | None:
    """Pace of the sites in `curves` together; None where they moved less than twice since they were first shown.

    Each site's pace ends with its newest report, so that an outage does not slow the study down.
    """
    start = _window_start(curves, now)
    if start is None:
        return None
    per_day = sum(_site_pace(curve, start) for curve in curves if curve.recruiting and curve.releases)
    # A release that lies ahead of now, by a clock that was set back, is no pace yet.
    return Pace(per_day, (now - start) / DAY) if per_day > 0 and start < now else None


def _window_start(curves: Sequence[Curve], now: dt.datetime) -> dt.datetime | None:
    moves = sorted((move for curve in curves if curve.recruiting for move in curve.moves()), reverse=True)
    if sum(times for _, times in moves) < 2:
        return None
    firsts = min(curve.releases[0].at for curve in curves if curve.releases and curve.recruiting)
    start, seen = firsts, 0
    for at, times in moves:
        if seen >= MOVES:
            start = at
            break
        seen += times
    return max(min(start, now - SHORTEST), now - LONGEST, firsts)


def _site_pace(curve: Curve, start: dt.datetime) -> float:
    """Patients per day from `start`, or from the first release where that is later."""
    begin, end = max(start, curve.releases[0].at), curve.known_until
    days = (end - begin) / DAY
    if days <= 0:
        return 0.0
    return max(curve.releases[-1].value - curve.at(begin).value, 0) / days
