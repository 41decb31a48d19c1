"""The full attack: `python -m attacking --minutes 20` attacks simulated hospitals and writes docs/attack-results.md.

Each row attacks hospitals of one kind, seed by seed, until it has enough or its share of the time is over.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from attacking.hospital import TWO_WAY, lived
from attacking.on_people import Belief, Gate, Learned, attribute_beliefs, batches, learned, membership_beliefs
from attacking.on_versions import Tally, attacked, suppress_and_round
from attacking.page import page
from attacking.people import DAYS_A_WEEK, Life
from attacking.utility import Utility, utility
from studyscope_contract.policy import PRESETS, Policy
from studyscope_exporter.disclosure.witness import WitnessAudit

ENOUGH = 200
RATES, LEAVING = (1, 3, 8), (0.0, 0.15)
WEEKS = {1: 104, 3: 40, 8: 16}
UTILITY_RATES = (1, 2, 4, 8, 30)


@dataclass(frozen=True)
class Solved:
    """Hospitals of one kind under the solver's attacks."""

    life: Life
    two_way: bool
    audited: bool
    tally: Tally
    seconds: float


@dataclass(frozen=True)
class Guessed:
    """Targets of one kind under the Bayesian attacks."""

    life: Life
    what: str
    limit: float
    result: Learned


@dataclass(frozen=True)
class Results:
    solved: list[Solved]
    control: list[Tally]
    guessed: list[Guessed]
    useful: dict[tuple[str, int], list[Utility]]
    minutes: float
    open_rows: int = 0


Task = tuple[Callable[..., object], tuple[object, ...]]


def solved(life: Life, two_way: bool, audited: bool, seconds: float) -> Solved:
    policy = Policy(two_way=TWO_WAY if two_way else ())
    tally, start = Tally(), time.monotonic()
    for seed in range(1000, 1000 + ENOUGH):
        tally += attacked(life, seed, policy, WitnessAudit() if audited else None)
        if time.monotonic() - start > seconds:
            break
    return Solved(life, two_way, audited, tally, time.monotonic() - start)


def control(seconds: float) -> Tally:
    tally, start = Tally(), time.monotonic()
    for seed in range(ENOUGH):
        tally += suppress_and_round(Life(1, weeks=60), seed)
        if time.monotonic() - start > seconds:
            break
    return tally


def guessed(life: Life, seconds: float) -> list[Guessed]:
    """T4 with 9, 5, 2 and 0 unknown batch-mates, T5 with two priors."""
    parameters, dice, start = Policy().parameters, random.Random(7), time.monotonic()
    beliefs: dict[tuple[str, float], list[Belief]] = {}
    for seed in range(2000, 2000 + ENOUGH):
        history = lived(life, seed, Policy())
        for unknown in (9, 5, 2, 0):
            of = beliefs.setdefault((f"T4, {unknown} unknown", 0.99), [])
            of.extend(attribute_beliefs(history, parameters, unknown, dice))
        for prior in (0.5, 0.75):
            of = beliefs.setdefault((f"T5, prior {prior}", 0.95), [])
            of.extend(membership_beliefs(batches(history, parameters), Gate(life.rate / DAYS_A_WEEK, parameters.m), prior, dice))
        if time.monotonic() - start > seconds:
            break
    return [Guessed(life, what, limit, learned(of, limit)) for (what, limit), of in beliefs.items()]


def useful(preset: str, rate: int) -> tuple[tuple[str, int], list[Utility]]:
    policy = Policy.model_validate({"preset": preset})
    return (preset, rate), [utility(rate, seed, policy) for seed in (3000, 3001)]


def _tasks(minutes: float, workers: int) -> Iterator[Task]:
    """What takes little time comes first, so that a run that is broken off leaves the most."""
    share = minutes * 60 * workers / 24
    for rate in RATES:
        yield guessed, (Life(rate), share / 2)
    for two_way, audited in ((False, True), (False, False), (True, True)):
        for rate in RATES:
            for leaving in LEAVING:
                yield solved, (Life(rate, weeks=WEEKS[rate], leaving=leaving), two_way, audited, share)
        if not two_way and audited:
            yield control, (share / 2,)
    for preset in PRESETS:
        for rate in UTILITY_RATES:
            yield useful, (preset, rate)


def attack(minutes: float, workers: int) -> Iterator[Results]:
    """The results so far, after every row."""
    results, start = Results([], [], [], {}, 0.0), time.monotonic()
    with ProcessPoolExecutor(workers) as pool:
        jobs = {pool.submit(work, *given): f"{work.__name__} {given}" for work, given in _tasks(minutes, workers)}
        for number, job in enumerate(as_completed(jobs), 1):
            _taken(results, job.result())
            passed = time.monotonic() - start
            print(f"{passed:5.0f} s  {number} of {len(jobs)}: {jobs[job]}", flush=True)
            yield replace(results, minutes=passed / 60, open_rows=len(jobs) - number)


def _taken(results: Results, outcome: object) -> None:
    if isinstance(outcome, Solved):
        results.solved.append(outcome)
    elif isinstance(outcome, Tally):
        results.control.append(outcome)
    elif isinstance(outcome, list):
        results.guessed.extend(outcome)
    elif isinstance(outcome, tuple):
        results.useful[outcome[0]] = outcome[1]


def main() -> None:
    described = argparse.ArgumentParser(prog="python -m attacking", description=__doc__)
    described.add_argument("--minutes", type=float, default=20.0, help="about how long (default 20)")
    described.add_argument("--workers", type=int, default=2)
    described.add_argument("--page", type=Path, default=Path("docs/attack-results.md"))
    chosen = described.parse_args()
    for results in attack(chosen.minutes, chosen.workers):
        chosen.page.write_text(page(results), encoding="utf-8")
    print(f"written: {chosen.page}")


if __name__ == "__main__":
    main()
