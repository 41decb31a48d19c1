"""The reader attacker: somebody who wants to know from published stages how much the one reader of a hospital did in a week."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from attacking.hospital import FIRST_POINT, REACHED, Lived
from attacking.on_people import DELAYS
from attacking.people import DAYS_A_WEEK
from studyscope_contract.policy import Parameters

NAMES_OF_PEOPLE = ("reader", "rater", "annotator", "operator", "physician", "technician", "user", "reviewer")
"""Words that a table about somebody's work would have among its labels."""
REVIEWED = ("reviewed",)


@dataclass(frozen=True)
class Week:
    """The least and the most cases that the reader can have reviewed in one week, and how many they were."""

    least: int
    most: int
    true: int


@dataclass(frozen=True)
class Known:
    """So many were reviewed, at least and at most, on some day from `earliest` to `latest`."""

    earliest: int
    latest: int
    least: int
    most: int


def from_releases(history: Lived, parameters: Parameters) -> list[Known]:
    """What each version of the stages says: it was frozen at most 13 days before it came out."""
    found = []
    for moment in history.published.moments:
        if REACHED in moment.tables:
            low, high = parameters.bounds(moment.tables[REACHED].get(REVIEWED))
            found.append(Known(moment.grid_point - DELAYS + 1, moment.grid_point, low, high))
    return found


def exactly_every_day(history: Lived, weeks: int) -> list[Known]:
    """The control: the exact number, every evening."""
    days = range(weeks * DAYS_A_WEEK)
    return [Known(FIRST_POINT + day, FIRST_POINT + day, n, n) for day in days for n in [_reviewed(history, day)]]


def weeks_of_the_reader(history: Lived, known: list[Known], weeks: int) -> Iterator[Week]:
    """Every week between the first and the last number; nobody leaves, and nothing reviewed is ever taken back."""
    for week in range(1, weeks):
        start, end = FIRST_POINT + (week - 1) * DAYS_A_WEEK, FIRST_POINT + week * DAYS_A_WEEK
        least = max(0, _least(known, end) - _most(known, start))
        most = _most(known, end) - _least(known, start)
        true = _reviewed(history, week * DAYS_A_WEEK) - _reviewed(history, (week - 1) * DAYS_A_WEEK)
        yield Week(least, most, true)


def _least(known: list[Known], day: int) -> int:
    return max((one.least for one in known if one.latest <= day), default=0)


def _most(known: list[Known], day: int) -> int:
    return min((one.most for one in known if one.earliest >= day), default=1_000_000)


def _reviewed(history: Lived, day: int) -> int:
    ours = history.people
    return int(np.count_nonzero((ours.reviewed <= day) & (ours.joined <= day)))
