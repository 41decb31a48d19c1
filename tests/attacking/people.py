"""Simulated patients of one hospital: when each comes, advances and leaves, and what is true of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int32]
Choices = NDArray[np.int32]
NEVER = 1_000_000
DAYS_A_WEEK = 7


@dataclass(frozen=True)
class Life:
    """How a hospital lives; rates are per week, `advance` per patient and week; so many `structures` are sought in everybody.

    `classified`: a classifier decides on everybody who was segmented, and of everybody the truth becomes known.
    """

    rate: float
    weeks: int = 104
    leaving: float = 0.0
    advance: float = 0.05
    structures: int = 1
    classified: bool = False


@dataclass(frozen=True)
class People:
    """Row i is one patient; a patient is there on day d when joined <= d < left. `of` numbers the answer of each."""

    joined: Days
    left: Days
    segmented: Days
    reviewed: Days
    of: Mapping[str, Choices]

    def __len__(self) -> int:
        return len(self.joined)

    def event_days(self) -> list[int]:
        """Days on which anything changes."""
        days = np.unique(np.concatenate([self.joined, self.left, self.segmented, self.reviewed]))
        return [int(day) for day in days[days < NEVER]]


SHARES: Mapping[str, tuple[float, ...]] = {
    "sex": (0.55, 0.42, 0.01, 0.02),
    "age_band": (0.03, 0.14, 0.33, 0.38, 0.1, 0.02),
    "vendor": (0.55, 0.25, 0.15, 0.05),
    "modality": (0.5, 0.3, 0.15, 0.05),
    "state": (0.9, 0.07, 0.03),
    "volume": (0.02, 0.03, 0.1, 0.2, 0.3, 0.25, 0.1),
    "outcome": (0.88, 0.1, 0.02),
}
"""Share of patients with each answer, in the order of the tables' codes."""

AGREEMENT = (0.27, 0.03, 0.65, 0.05)
"""Share of the patients who are truly and falsely called positive and negative, in the order of the table's codes."""

FOUND = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.04)
"""Share of the patients in whom each further structure is found, in turns: the last is a rare one."""


def of_structure(what: str, number: int) -> str:
    """The name of an answer about one of several structures; the first has none of its own."""
    return f"{what} {number}" if number else what


def people(life: Life, seed: int) -> People:
    """The same people for the same seed."""
    dice = np.random.default_rng([seed, 20_260_101])
    days = life.weeks * DAYS_A_WEEK
    joined = np.repeat(np.arange(days, dtype=np.int32), dice.poisson(life.rate / DAYS_A_WEEK, days))
    size = len(joined)
    waits = dice.geometric(life.advance / DAYS_A_WEEK, (2, size)).astype(np.int32)
    left = _leavers(joined, life, dice, days)
    segmented = _until(joined + waits[0], left, days)
    reviewed = _until(segmented + waits[1], left, days)
    of = {name: dice.choice(len(shares), size, p=shares).astype(np.int32) for name, shares in SHARES.items()}
    for number in range(1, life.structures):
        there = FOUND[number % len(FOUND)]
        of[of_structure("state", number)] = dice.choice(3, size, p=(there, 0.7 * (1 - there), 0.3 * (1 - there))).astype(np.int32)
        of[of_structure("volume", number)] = dice.choice(len(SHARES["volume"]), size, p=SHARES["volume"]).astype(np.int32)
    if life.classified:
        of["agreement"] = dice.choice(len(AGREEMENT), size, p=AGREEMENT).astype(np.int32)
    return People(joined, left, segmented, reviewed, of)


def _until(day: Days, left: Days, days: int) -> Days:
    return np.where((day < left) & (day < days), day, NEVER).astype(np.int32)


def _leavers(joined: Days, life: Life, dice: np.random.Generator, days: int) -> Days:
    """Somebody leaves so often a week, whoever is there."""
    left = np.full(len(joined), NEVER, dtype=np.int32)
    for day in np.repeat(np.arange(days), dice.poisson(life.leaving / DAYS_A_WEEK, days)):
        there = np.flatnonzero((joined < day) & (left == NEVER))
        if len(there):
            left[dice.choice(there)] = day
    return left
