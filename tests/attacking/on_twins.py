"""T16 again: two studies of one hospital over nearly the same people, and an attacker who knows on which day each was frozen.

The attacker knows too that nobody leaves, that stages only advance and results stay, that the second study is the first
without a group who were there from the first day, and the rule by which the two wait for one another; not how many the group
are, nor who. Everything that both publish is held together: of whom the group are, and of each study's own small groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from attacking.between_twins import COMPARED, EVERYBODY, Between, Truth, is_fixed
from attacking.hospital import FIRST_POINT, REACHED, Chosen, Lived, lived_together
from attacking.on_studies import group, with_a_start
from attacking.on_versions import excluded, from_inside, true_values, truly_small
from attacking.people import Life, People, people
from disclosure_cast import STAGES
from studyscope_contract.policy import Parameters, Policy
from studyscope_exporter.attack.background import Deduction, deduced
from studyscope_exporter.attack.claims import Claim, groups
from studyscope_exporter.attack.placing import Placed
from studyscope_exporter.attack.prover import Prover
from studyscope_exporter.attack.puzzle import Puzzle
from studyscope_exporter.disclosure.audit import Audit
from studyscope_exporter.disclosure.contributions import POPULATION


@dataclass(frozen=True)
class Found:
    """Groups of truly 1..k-1 people, and how many of them are proven."""

    small: int
    proven: int


@dataclass(frozen=True)
class Separated:
    """What is proven of the group that one study has and the other has not, by table, and of each study's own small groups."""

    of_group: Mapping[str, Found]
    own: Found
    versions: int

    def apart(self, *, fixed: bool) -> Found:
        """Of the group: what is fixed when a patient is admitted, or what comes later."""
        these = [found for table, found in self.of_group.items() if (table in FIXED_TABLES) == fixed]
        return Found(sum(one.small for one in these), sum(one.proven for one in these))

    @property
    def proven(self) -> int:
        return self.own.proven + sum(one.proven for one in self.of_group.values())


FIXED_TABLES = frozenset(key.table for key in COMPARED if is_fixed((key, ())))


@dataclass(frozen=True, repr=False)
class Twins:
    """Both studies as they were published, and who sets them apart."""

    ours: People
    target: Chosen
    both: tuple[Lived, Lived]
    life: Life
    parameters: Parameters


@dataclass(frozen=True, repr=False)
class _Held:
    """Both studies in one puzzle, and what is truly in it; None for a choice."""

    between: Between
    own: tuple[Deduction, Deduction]
    values: list[int | None]


def by_freezing_days(few: int, seed: int, life: Life, policy: Policy, *, told: bool, audit: Audit | None) -> Separated:
    """What can be proven of the group and of each part of it; without `told` (the control) neither study knows of the other."""
    return attacked(twins(few, seed, life, policy, told=told, audit=audit), by_rule=told)


def twins(few: int, seed: int, life: Life, policy: Policy, *, told: bool, audit: Audit | None) -> Twins:
    """Two studies that have lived."""
    ours = with_a_start(people(life, seed), 40)
    target = group(ours, few, np.random.default_rng([seed, few]))
    everybody = np.ones(len(ours), dtype=np.bool_)
    both = lived_together(ours, life.weeks, seed, policy, both=(everybody, everybody & ~target), told=told, audit=audit)
    return Twins(ours, target, both, life, policy.parameters)


def attacked(of: Twins, *, by_rule: bool) -> Separated:
    """`by_rule`: as it holds for a small group, whoever is counted after the other has a batch of newcomers."""
    held = _held_together(of, by_rule=by_rule)
    assert excluded(held.between.puzzle, held.values) == 0, "the attacker takes for granted what is not true"
    apart = list(_of_group(held.between, of.parameters.k))
    own = [claim for deduction in held.own for claim in groups(deduction)]
    proven = Prover(held.between.puzzle, [*(claim for _, claim in apart), *own]).small_groups()
    found = {one.claim for one in proven}
    assert truly_small(found, held.values) == len(found), "the attacker proved what is not true"
    tables = {table: [claim for other, claim in apart if other == table] for table, _ in apart}
    return Separated(
        {table: _found(claims, found, held) for table, claims in tables.items()},
        _found(own, found, held),
        sum(len(one.published.moments) for one in of.both),
    )


def _found(claims: Iterable[Claim], proven: set[Claim], held: _Held) -> Found:
    claims = list(claims)
    return Found(truly_small(claims, held.values), len(proven.intersection(claims)))


def _held_together(of: Twins, *, by_rule: bool) -> _Held:
    puzzle, values, own = Puzzle(), list[int | None](), []
    for one in of.both:
        since = len(puzzle.low)
        own.append(deduced(one.published, from_inside(of.life), puzzle))
        truth = {name: (behind.cells, behind.patients) for name, behind in one.truth.items()}
        values += true_values(puzzle, truth, since)
    between = Between(puzzle, Truth(of.ours, of.target, of.both[0].published.codes))
    sizes = []
    for place, (one, deduction) in enumerate(zip(of.both, own, strict=True)):
        for placed, members, day in _versions(one, deduction):
            between.version(placed, members, day, whole=place == 0)
        sizes.append({day: between.of_others(EVERYBODY, day, day) for day in _days_of_population(one).values()})
    if by_rule:
        _batches(between, sizes[0], sizes[1], max(of.parameters.m, of.parameters.k))
    between.hold_together()
    return _Held(between, (own[0], own[1]), [*values, *(between.truly[at] for at in range(len(values), len(puzzle.low)))])


def _batches(between: Between, whole: Mapping[int, int], without: Mapping[int, int], newcomers: int) -> None:
    """To the whole study the group are newcomers too."""
    group_of = between.of_group(EVERYBODY, 0)
    for (day, here), (other, there) in product(whole.items(), without.items()):
        if day > other:
            between.puzzle.at_least([here, group_of], [there], by=newcomers)
        elif other > day:
            between.puzzle.at_least([there], [here], by=newcomers)


def _versions(one: Lived, deduction: Deduction) -> Iterator[tuple[Placed, int, int]]:
    """Each version, and the days on which its members and their answers were frozen."""
    members = _days_of_population(one)
    for key in COMPARED:
        for placed in deduction.versions.get(key, ()):
            of_epoch = members[max(point for point in members if point <= placed.grid_point)]
            yield placed, of_epoch, one.truth[key, placed.grid_point].frozen_at - FIRST_POINT


def _days_of_population(one: Lived) -> dict[int, int]:
    return {point: behind.frozen_at - FIRST_POINT for (key, point), behind in one.truth.items() if key == POPULATION}


def _of_group(between: Between, k: int) -> Iterator[tuple[str, Claim]]:
    """The group, and each part of it on each day on which the whole study counted that part, with its table."""
    for (key, cell), days in between.group.items():
        for day, unknown in days.items():
            yield key.table, Claim(f"{key}: {' '.join(cell)} on day {day}", day, k, ((unknown, 1),))
    stages = [between.group[EVERYBODY], *(between.group.get((REACHED, (stage,)), {}) for stage in STAGES[1:])]
    for (stage, wider), narrower in zip(zip(STAGES, stages, strict=True), stages[1:], strict=False):
        for day, unknown in narrower.items():
            outer = wider.get(0 if stage == STAGES[0] else day)
            if outer is not None:
                yield "stage", Claim(f"stage: {stage} on day {day}", day, k, ((outer, 1), (unknown, -1)))
