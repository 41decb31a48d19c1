"""How far a pace can be trusted: an interval of the patients that come, which holds four times out of five.

The growth of `days` at a pace measured over `window` days is taken as log-normal, with
    variance of its logarithm = PERSISTENCE² + DRIFT² · days / window + CHANCE / expected growth
(the pace was another one than it is now; it goes on changing; patients come by chance), and the
rounding of today's number as uniform. The three figures were chosen on real accrual curves, half of
them at a time, and tried on the other half: benchmarks/bench_forecast.py, docs/forecast.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from studyscope_aggregator.forecast.pace import Pace

PERSISTENCE, DRIFT, CHANCE = 0.65, 0.15, 3.0
TENTH = 1.2816
"""Standard deviations from the middle to the tenth of a normal distribution on each side."""


@dataclass(frozen=True)
class Start:
    """Where a study stands: the sum that is shown, its lower bound, and the variance that rounding leaves."""

    shown: int
    lower: int
    variance: float

    @classmethod
    def of(cls, shown: Iterable[tuple[int, int, int]]) -> Start:
        """From value, lower and upper bound of each site; every count between its bounds is equally likely."""
        parts = list(shown)
        variance = sum(((upper - lower + 1) ** 2 - 1) / 12 for _, lower, upper in parts)
        return cls(sum(value for value, _, _ in parts), sum(lower for _, lower, _ in parts), variance)


@dataclass(frozen=True)
class Expected:
    """So many patients: four times out of five between `lower` and `upper`."""

    lower: float
    middle: float
    upper: float


def expected(start: Start, pace: Pace, days: float) -> Expected:
    """Patients in `days` from now. People do not leave a cumulative count, so it is never under today's lower bound."""
    rounding, growth = TENTH * math.sqrt(start.variance), pace.per_day * days
    deviation = math.sqrt(PERSISTENCE**2 + DRIFT**2 * days / pace.days + CHANCE / (growth + 1))
    fewer, more = growth * (1 - math.exp(-TENTH * deviation)), growth * (math.exp(TENTH * deviation) - 1)
    middle = start.shown + growth
    return Expected(max(middle - math.hypot(fewer, rounding), start.lower), middle, middle + math.hypot(more, rounding))
