"""From hits and tries to a word: what is over a limit by chance is told from what is over it."""

from __future__ import annotations

import math

ENOUGH_HISTORIES = 200
ENOUGH_TARGETS = 200
BY_CHANCE = 0.01


def chance_of(hits: int, tries: int, rate: float) -> float:
    """How likely so many hits or more are when each of `tries` hits with probability `rate`."""
    if hits <= 0:
        return 1.0
    logs = (
        math.lgamma(tries + 1) - math.lgamma(n + 1) - math.lgamma(tries - n + 1)
        + n * math.log(rate) + (tries - n) * math.log1p(-rate)
        for n in range(hits, tries + 1)
    )  # fmt: skip
    return min(1.0, math.fsum(math.exp(log) for log in logs))


def surely_over(hits: float, tries: float, limit: float) -> bool:
    """Whether the true rate is over the limit: more hits than that would give once in a hundred times."""
    if limit == 0:
        return hits > 0
    return hits > limit * tries and chance_of(int(hits), int(tries), limit) < BY_CHANCE


def share(hits: float, tries: float) -> str:
    return f"{hits:.0f} of {tries:.0f}" + (f" ({100 * hits / tries:.1f} %)" if tries else "")


def verdict(failed: bool, over: bool, done: int, enough: int) -> str:
    """`failed` is sure, `over` a rate over its limit that may be chance."""
    if failed:
        return "FAIL"
    if over:
        return "over the limit, may be chance"
    return "pass" if done >= enough else "nothing found so far"


def lives(hits: float, tries: float, at_least: float) -> str:
    """A control must succeed, or its attacker is broken."""
    return "lives" if tries and hits >= at_least * tries else "DEAD"
