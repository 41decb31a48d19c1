"""T16: a coordinator who writes study files so that differences of published numbers isolate a few people.

The coordinator knows which attribute sets the target group apart (a rare device, say), that nobody leaves, and when each
number came out; not how many the group are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from attacking.hospital import FIRST_POINT, Chosen, Lived, lived_by, lived_together
from attacking.on_people import DELAYS
from attacking.people import DAYS_A_WEEK, NEVER, Life, People, people
from studyscope_contract.policy import Parameters, Policy
from studyscope_exporter.attack.claims import Claim
from studyscope_exporter.attack.prover import Prover
from studyscope_exporter.attack.puzzle import NO_LIMIT, Puzzle
from studyscope_exporter.disclosure.audit import Audit
from studyscope_exporter.disclosure.contributions import POPULATION

VERSIONS, WEEKS_EACH, APART = 20, 4, 25


@dataclass(frozen=True)
class Isolated:
    """What was found out about a group of 1..k-1 people that the coordinator chose."""

    proven: bool
    least: int
    most: int
    true: int
    versions: int

    @property
    def fits(self) -> bool:
        """Whether the truth is within what the attacker derived; else the attacker is broken."""
        return self.least <= self.true <= self.most


def group(ours: People, few: int, dice: np.random.Generator) -> Chosen:
    """So many of those who were there from the first day."""
    chosen = np.zeros(len(ours), dtype=np.bool_)
    chosen[dice.choice(np.flatnonzero(ours.joined == 0), few, replace=False)] = True
    return chosen


def closed(patients: int, seed: int) -> People:
    """A hospital to which nobody comes any more: all who change a number are those whom the coordinator moves."""
    ours = people(Life(patients / 10, weeks=30), seed)
    assert len(ours) > patients
    nobody = np.full(patients, NEVER, dtype=np.int32)
    kept = {name: answers[:patients] for name, answers in ours.of.items()}
    return People(np.zeros(patients, dtype=np.int32), nobody, nobody, nobody, kept)


def by_many_versions(few: int, seed: int, ours: People, policy: Policy, audit: Audit, *, unsaid: bool = False) -> Isolated:
    """One study, a version of it every four weeks: a base, far away from it, and the base with the group."""
    dice = np.random.default_rng([seed, few])
    target = group(ours, few, dice)
    cohorts = dict(_versions(ours, target, dice))
    weeks = VERSIONS * WEEKS_EACH
    history = lived_by(ours, weeks, seed, policy, audit, cohorts=cohorts, unsaid=unsaid)
    return _isolated(history, cohorts, target, policy.parameters)


def _versions(ours: People, target: Chosen, dice: np.random.Generator) -> Iterator[tuple[int, Chosen]]:
    """Bases of many sizes, so that a bin's edge lies now within and now outside of what the group adds."""
    for probe in range(VERSIONS // 4):
        base = ~target & (dice.random(len(ours)) < dice.uniform(0.3, 0.7))
        far = ~target & ~base
        for step, chosen in enumerate((base, far, base | target, far)):
            yield (4 * probe + step) * WEEKS_EACH, chosen


def _isolated(history: Lived, cohorts: dict[int, Chosen], target: Chosen, parameters: Parameters) -> Isolated:
    """The least and the most that the group can be: what was shown while a base was in force, and while it was with the group."""
    puzzle, sizes = Puzzle(), dict[bytes, int]()
    few = puzzle.unknown(0, NO_LIMIT, None)
    seen = 0
    for week, chosen in cohorts.items():
        shown = _shown_in(history, week)
        if shown is None:
            continue
        seen += 1
        base = (chosen & ~target).tobytes()
        if base not in sizes:
            sizes[base] = puzzle.unknown(0, NO_LIMIT, None)
        low, high = parameters.bounds(shown)
        puzzle.row(low, high, [(sizes[base], 1), *([(few, 1)] if (chosen & target).any() else [])])
    return _told(puzzle, few, parameters, int(target.sum()), seen)


def _shown_in(history: Lived, week: int) -> int | None:
    """The size that came out while the version of a week was in force: each is longer in force than a release can wait."""
    first = FIRST_POINT + week * DAYS_A_WEEK
    for moment in history.published.moments:
        if first <= moment.grid_point < first + WEEKS_EACH * DAYS_A_WEEK and POPULATION in moment.tables:
            return moment.tables[POPULATION].get(())
    return None


@dataclass(frozen=True)
class Version:
    """One size of one of two studies: the unknown, and the days between which it was frozen."""

    unknown: int
    earliest: int
    latest: int


def by_two_studies(few: int, seed: int, life: Life, policy: Policy) -> Isolated:
    """Two studies of one hospital, the second without a group who were there from the first day; nobody leaves."""
    dice = np.random.default_rng([seed, few])
    ours = with_a_start(people(life, seed), 40)
    target = group(ours, few, dice)
    everybody = np.ones(len(ours), dtype=np.bool_)
    whole, without = lived_together(ours, life.weeks, seed, policy, both=(everybody, ~target), told=True)
    puzzle = Puzzle()
    unknown = puzzle.unknown(0, NO_LIMIT, None)
    both = [_sizes(puzzle, history, policy.parameters) for history in (whole, without)]
    for one in both[0]:
        for other in both[1]:
            if one.latest <= other.earliest:
                puzzle.at_least([other.unknown, unknown], [one.unknown])
            if other.latest <= one.earliest:
                puzzle.at_least([one.unknown], [other.unknown, unknown])
    return _told(puzzle, unknown, policy.parameters, few, len(both[0]) + len(both[1]))


def frozen_on_the_same_days(few: int, seed: int, life: Life, parameters: Parameters) -> Isolated:
    """The control: the same two studies, both in bins, both counted every Monday."""
    dice = np.random.default_rng([seed, few])
    ours = with_a_start(people(life, seed), 40)
    target = group(ours, few, dice)
    puzzle = Puzzle()
    unknown = puzzle.unknown(0, NO_LIMIT, None)
    for week in range(life.weeks):
        there = ours.joined <= week * DAYS_A_WEEK
        whole, without = (int(np.count_nonzero(chosen)) for chosen in (there, there & ~target))
        sizes = [puzzle.unknown(*parameters.bounds(parameters.published(size)), None) for size in (whole, without)]
        puzzle.equal([sizes[0]], [sizes[1], unknown])
    return _told(puzzle, unknown, parameters, few, 2 * life.weeks)


def with_a_start(ours: People, patients: int) -> People:
    """The same, with so many there on the first day."""
    joined = ours.joined.copy()
    joined[:patients] = 0
    return replace(ours, joined=joined)


def _sizes(puzzle: Puzzle, history: Lived, parameters: Parameters) -> list[Version]:
    """Every version of the size; it comes at most 13 days after the day on which it was frozen."""
    found: list[Version] = []
    for moment in history.published.moments:
        if POPULATION in moment.tables:
            low, high = parameters.bounds(moment.tables[POPULATION].get(()))
            point, unknown = moment.grid_point, puzzle.unknown(low, high, None)
            found.append(Version(unknown, point - DELAYS + 1, point))
            if len(found) > 1:
                puzzle.at_least([unknown], [found[-2].unknown], by=parameters.m)
    return found


def _told(puzzle: Puzzle, few: int, parameters: Parameters, true: int, versions: int) -> Isolated:
    claim = Claim("the group", 0, parameters.k, ((few, 1),))
    prover = Prover(puzzle, [claim])
    for proven in prover.small_groups():
        return Isolated(True, proven.least, proven.most, true, versions)
    return Isolated(False, 0, NO_LIMIT, true, versions)
