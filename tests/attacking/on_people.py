"""T4, T5: somebody who knows a great deal about everybody else, and one person of whom they want to know."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from attacking.hospital import FIRST_POINT, SEX, Lived
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.census import ABSENT
from studyscope_exporter.disclosure.contributions import POPULATION

DELAYS = 14
WOMEN = 0.55


@dataclass(frozen=True)
class Belief:
    """What the attacker believes of one person after looking, and what is true."""

    prior: float
    posterior: float
    true: bool


def attribute_beliefs(history: Lived, parameters: Parameters, unknown: int, dice: random.Random) -> Iterator[Belief]:
    """T4: is the target a woman? Known: everybody of earlier batches, and of the target's batch all but `unknown`."""
    points = [point for key, point in sorted(history.truth) if key == SEX]
    shown = {moment.grid_point: moment.tables.get(SEX, {}) for moment in history.published.moments}
    woman = history.answers.index(frozenset({("F",)}))
    for before, after in pairwise(points):
        then, now = history.truth[SEX, before].members, history.truth[SEX, after].members
        joined = np.flatnonzero((then == ABSENT) & (now != ABSENT)).tolist()
        if len(joined) < unknown + 1:
            continue
        target, *others = dice.sample(joined, unknown + 1)
        women = int(np.count_nonzero(now == woman))
        hidden_women = sum(int(now[one] == woman) for one in [target, *others])
        published = shown.get(after, {}).get(("F",))
        likely = [_chance(published, parameters, women - hidden_women + is_woman, unknown) for is_woman in (1, 0)]
        yield Belief(WOMEN, _posterior(WOMEN, likely[0], likely[1]), bool(now[target] == woman))


def _chance(published: int | None, parameters: Parameters, known: int, unknown: int) -> float:
    """How likely the published number is, when so many women are known and `unknown` people may be women."""
    return sum(
        math.comb(unknown, women) * WOMEN**women * (1 - WOMEN) ** (unknown - women)
        for women in range(unknown + 1)
        if parameters.published(known + women) == published
    )


def _posterior(prior: float, if_so: float, if_not: float) -> float:
    total = prior * if_so + (1 - prior) * if_not
    return prior if total == 0 else prior * if_so / total


@dataclass(frozen=True)
class Gate:
    """How releases come, as an attacker knows it: a threshold of m..2m-1 people, then a delay of 0..delays-1 steps.

    `comes` is how many people come in a step on average; a step is a day, or whatever the reader of numbers can tell apart.
    """

    comes: float
    m: int
    delays: int = DELAYS


@dataclass(frozen=True)
class Batch:
    """One release after another: frozen at `start`, shown at `before`, the next one shown at `end` (all in steps).

    `added` is the least and the most that the batch can be; `joined` the steps on which its people came: the secret.
    """

    start: int
    before: int
    end: int
    added: tuple[int, int]
    joined: tuple[int, ...]


def batches(history: Lived, parameters: Parameters) -> Iterator[Batch]:
    """The batches of a hospital's population, for somebody who knows the exact size behind the version before."""
    points = [point for key, point in sorted(history.truth) if key == POPULATION]
    for before, after in pairwise(points):
        then, now = history.truth[POPULATION, before], history.truth[POPULATION, after]
        joined = np.flatnonzero((then.members == ABSENT) & (now.members != ABSENT))
        days = tuple(int(history.people.joined[one]) + FIRST_POINT for one in joined)
        yield Batch(then.frozen_at, before, after, _added(history, after, then.patients, parameters), days)


def every_scrape(comes: float, patients: int, dice: random.Random) -> Iterator[Batch]:
    """The control: exact numbers at every step, so that each person who comes is a batch of one."""
    now = 0
    for _ in range(patients):
        wait = 1 + int(math.log(1 - dice.random()) / math.log(1 - comes))
        yield Batch(now, now, now + wait, (1, 1), (now + wait,))
        now += wait


def membership_beliefs(found: Iterable[Batch], gate: Gate, prior: float, dice: random.Random) -> Iterator[Belief]:
    """T5: did the person who came to the hospital at a known step become one of the study's?"""
    for batch in found:
        true = dice.random() < prior
        if true and not batch.joined:
            continue
        visit = dice.choice(batch.joined) if true else dice.randint(batch.start + 1, batch.end)
        likely = [_release_chance(gate, batch, visit if member else None) for member in (1, 0)]
        yield Belief(prior, _posterior(prior, likely[0], likely[1]), true)


def _added(history: Lived, point: int, size: int, parameters: Parameters) -> tuple[int, int]:
    """The least and the most that the published number lets the batch be."""
    moment = next((one for one in history.published.moments if one.grid_point == point), None)
    low, high = parameters.bounds(moment.tables.get(POPULATION, {}).get(()) if moment is not None else None)
    return max(low - size, 0), high - size


def _release_chance(gate: Gate, batch: Batch, visit: int | None) -> float:
    """How likely a release at `batch.end` with so many people is, when the target came at `visit` or (None) never joined."""
    comes, m = _poisson(gate.comes, 12), gate.m
    counts = np.zeros(batch.added[1] + 2)
    counts[0] = 1.0
    waiting = np.tile(counts, (m, 1))  # per threshold: how many came while the gate is still closed
    total = 0.0
    for step in range(batch.start + 1, batch.end + 1):
        waiting = np.array([np.convolve(row, comes)[: len(row)] for row in waiting])
        if visit == step:
            waiting = np.concatenate([np.zeros((m, 1)), waiting[:, :-1]], axis=1)
        if step <= batch.before:
            continue
        for i in range(m):
            opened = waiting[i, m + i :].copy()
            waiting[i, m + i :] = 0.0
            if batch.end - step < gate.delays:
                sizes = np.arange(m + i, m + i + len(opened))
                total += float(opened[(sizes >= batch.added[0]) & (sizes <= batch.added[1])].sum()) / gate.delays / m
    return total


def _poisson(mean: float, most: int) -> NDArray[np.float64]:
    return np.array([math.exp(-mean) * mean**n / math.factorial(n) for n in range(most + 1)])


@dataclass(frozen=True)
class Learned:
    """Over many targets."""

    targets: int
    certain: float  # share with a posterior over the limit
    gain: float  # accuracy of the better guess, less that of the prior
    mean_if_true: float


def learned(beliefs: Sequence[Belief], limit: float) -> Learned:
    right = np.mean([(one.posterior >= 0.5) == one.true for one in beliefs])
    guess = np.mean([(one.prior >= 0.5) == one.true for one in beliefs])
    sure = np.mean([max(one.posterior, 1 - one.posterior) > limit for one in beliefs])
    members = [one.posterior for one in beliefs if one.true]
    return Learned(len(beliefs), float(sure), float(right - guess), float(np.mean(members)))
