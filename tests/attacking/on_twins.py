"""T16 again: two studies of one hospital over nearly the same people, and an attacker who knows on which day each was frozen.

The attacker knows too that nobody leaves, that the second study is the first without a group who were there from the
first day, and the rule by which the two wait for one another; not how many the group are, nor who. Every table of both is
held against everything else: their sizes, and cell by cell what is fixed when a patient is admitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from attacking.hospital import AGE, SEX, VENDOR, Chosen, Lived, lived_together
from attacking.on_studies import group, with_a_start
from attacking.on_versions import from_outside
from attacking.people import Life, People, people
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters, Policy
from studyscope_exporter.attack.background import deduced
from studyscope_exporter.attack.claims import Claim
from studyscope_exporter.attack.placing import Placed
from studyscope_exporter.attack.prover import Prover
from studyscope_exporter.attack.published import Cell
from studyscope_exporter.attack.puzzle import NO_LIMIT, Puzzle
from studyscope_exporter.disclosure.audit import Audit
from studyscope_exporter.disclosure.contributions import POPULATION

FIXED: Mapping[TableKey, str] = {SEX: "sex", AGE: "age_band", VENDOR: "vendor"}
Part = tuple[TableKey, Cell]
"""A cell of a table, or everybody: one of the groups into which the target group falls."""
EVERYBODY: Part = (POPULATION, ())


@dataclass(frozen=True)
class Separated:
    """Small parts of the group that one study has and the other has not, and how many of them are proven to be 1..k-1."""

    small: int
    proven: int
    versions: int


@dataclass(frozen=True, repr=False)
class _Twins:
    """Both studies as they were published, and who sets them apart."""

    ours: People
    target: Chosen
    both: tuple[Lived, Lived]
    life: Life
    parameters: Parameters


def by_freezing_days(few: int, seed: int, life: Life, policy: Policy, *, told: bool, audit: Audit | None) -> Separated:
    """What can be proven of the group and of each part of it; without `told` (the control) neither study knows of the other."""
    ours = with_a_start(people(life, seed), 40)
    target = group(ours, few, np.random.default_rng([seed, few]))
    everybody = np.ones(len(ours), dtype=np.bool_)
    studies = everybody, everybody & ~target
    both = lived_together(ours, life.weeks, seed, policy, both=studies, told=told, audit=audit)
    twins = _Twins(ours, target, both, life, policy.parameters)
    proven = _proven(twins, by_rule=False)
    if told:
        proven |= _proven(twins, by_rule=True)
    small = {part for part, number in _truly(twins).items() if 1 <= number < policy.parameters.k}
    assert proven <= small, "the attacker proved what is not true"
    return Separated(len(small), len(proven), sum(len(one.published.moments) for one in both))


def _proven(twins: _Twins, *, by_rule: bool) -> set[Part]:
    """`by_rule`: as it holds for a small group, whoever is counted after the other has a batch of newcomers."""
    puzzle = Puzzle()
    group_of = {part: puzzle.unknown(0, NO_LIMIT, None) for part in _truly(twins)}
    for key in FIXED:
        puzzle.equal([group_of[EVERYBODY]], [unknown for (table, _), unknown in group_of.items() if table == key])
    whole, without = (_versions(puzzle, one, twins.life) for one in twins.both)
    batch = max(twins.parameters.m, twins.parameters.k) if by_rule else 0
    for (one, frozen), (other, frozen_there) in product(whole, without):
        for part, unknown in group_of.items():
            newcomers = batch if part == EVERYBODY else 0
            if part[0] == one.key == other.key:
                here, there = one.cells[part[1]], other.cells[part[1]]
                if frozen < frozen_there:
                    puzzle.at_least([there, unknown], [here], by=newcomers)
                elif frozen_there < frozen:
                    puzzle.at_least([here], [there], by=newcomers)
                    puzzle.at_least([here], [there, unknown])
                else:
                    puzzle.equal([here], [there, unknown])
    k = twins.parameters.k
    claims = {part: Claim(" ".join(part[1]), 0, k, ((unknown, 1),)) for part, unknown in group_of.items()}
    found = {one.claim for one in Prover(puzzle, list(claims.values())).small_groups()}
    return {part for part, claim in claims.items() if claim in found}


def _versions(puzzle: Puzzle, one: Lived, life: Life) -> list[tuple[Placed, int]]:
    """Each version of what is compared, and the day on which it was frozen; all that was published is in the puzzle."""
    found = deduced(one.published, from_outside(life), puzzle).versions
    days = {grid_point: behind.frozen_at for (key, grid_point), behind in one.truth.items() if key == POPULATION}
    return [(placed, days[placed.grid_point]) for key in (POPULATION, *FIXED) for placed in found.get(key, ())]


def _truly(twins: _Twins) -> dict[Part, int]:
    return {EVERYBODY: int(twins.target.sum())} | dict(_parts(twins))


def _parts(twins: _Twins) -> Iterator[tuple[Part, int]]:
    for key, name in FIXED.items():
        answers = twins.ours.of[name][twins.target]
        for number, cell in enumerate(twins.both[0].published.codes[key]):
            yield (key, cell), int(np.count_nonzero(answers == number))
