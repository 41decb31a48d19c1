"""A small chart of what was published against the plan, as points of an SVG drawing; no script draws it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from studyscope_aggregator.forecast.curve import Curve
from studyscope_aggregator.state import Member, planned_patients

WIDTH, HEIGHT = 300, 64
WEEK = dt.timedelta(days=7)
MOST_WEEKS = 78


@dataclass(frozen=True)
class ProgressChart:
    """Lines in the coordinates of a drawing of WIDTH x HEIGHT, and the same in words."""

    shown: str
    planned: str
    words: str
    first_day: str
    last_day: str
    highest: int


def progress_chart(curves: Sequence[Curve], members: Sequence[Member], now: dt.datetime) -> ProgressChart | None:
    """Published numbers of `members`, last known at each week's end, against the sum of their plans; None without numbers."""
    shown_by = {curve.site: curve for curve in curves if curve.releases}
    held = [shown_by[one.site.id] for one in members if one.site.id in shown_by]
    if not held:
        return None
    begin = max(min(curve.releases[0].at for curve in held), now - MOST_WEEKS * WEEK)
    weeks = max(int((now - begin) / WEEK), 1)
    moments = [now - (weeks - number) * WEEK for number in range(weeks + 1)]
    shown = [sum(_at(curve, moment) for curve in held) for moment in moments]
    planned = [sum(planned_patients(one.site, moment.date()) or 0 for one in members) for moment in moments]
    highest = max(*shown, *planned, 1)
    return ProgressChart(
        shown=_steps(shown, highest),
        planned=_line(planned, highest) if planned[-1] else "",
        words=_words(shown, planned, moments),
        first_day=moments[0].date().isoformat(),
        last_day=moments[-1].date().isoformat(),
        highest=highest,
    )


def _at(curve: Curve, moment: dt.datetime) -> int:
    """What the site showed then; nothing before its first release."""
    held = [release.value for release in curve.releases if release.at <= moment]
    return held[-1] if held else 0


def _scale(values: Sequence[int], highest: int) -> tuple[Callable[[float], str], Callable[[int], str]]:
    wide, high = WIDTH / max(len(values) - 1, 1), HEIGHT - 4
    return (lambda number: f"{number * wide:.1f}", lambda value: f"{HEIGHT - 2 - value / highest * high:.1f}")


def _line(values: Sequence[int], highest: int) -> str:
    x, y = _scale(values, highest)
    return " ".join(f"{x(number)},{y(value)}" for number, value in enumerate(values))


def _steps(values: Sequence[int], highest: int) -> str:
    """Published numbers move in steps."""
    x, y = _scale(values, highest)
    points = [f"{x(0)},{y(values[0])}"]
    for number, (before, value) in enumerate(pairwise(values), 1):
        points += [f"{x(number)},{y(before)}", f"{x(number)},{y(value)}"]
    return " ".join(points)


def _words(shown: Sequence[int], planned: Sequence[int], moments: Sequence[dt.datetime]) -> str:
    grown = f"Patients shown: {shown[0]:,} on {moments[0]:%Y-%m-%d}, {shown[-1]:,} on {moments[-1]:%Y-%m-%d}"
    return f"{grown}; planned by then: {planned[-1]:,}" if planned[-1] else grown
