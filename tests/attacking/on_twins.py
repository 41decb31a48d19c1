"""T16 again: two studies of one hospital over nearly the same people, and an attacker who knows on which day each was frozen.

The attacker knows too that nobody leaves, that the second study is the first without a group who were there from the
first day, and the rule by which the two wait for one another; not how many the group are.
"""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np

from attacking.hospital import Lived, lived_together
from attacking.on_studies import Isolated, Version, group, with_a_start
from attacking.people import Life, people
from studyscope_contract.policy import Parameters, Policy
from studyscope_exporter.attack.claims import Claim
from studyscope_exporter.attack.prover import Prover
from studyscope_exporter.attack.puzzle import NO_LIMIT, Puzzle
from studyscope_exporter.disclosure.contributions import POPULATION


def by_freezing_days(few: int, seed: int, life: Life, policy: Policy, *, told: bool) -> Isolated:
    """What can be proven of the group; without `told` (the control) neither study knows of the other."""
    ours = with_a_start(people(life, seed), 40)
    target = group(ours, few, np.random.default_rng([seed, few]))
    everybody = np.ones(len(ours), dtype=np.bool_)
    both = lived_together(ours, life.weeks, seed, policy, both=(everybody, everybody & ~target), told=told)
    found = _proven(both, few, policy.parameters, by_rule=False)
    return found if found.proven or not told else _proven(both, few, policy.parameters, by_rule=True)


def _proven(both: tuple[Lived, Lived], few: int, parameters: Parameters, *, by_rule: bool) -> Isolated:
    """`by_rule`: as it holds for a small group, whoever is counted after the other has a batch of newcomers."""
    puzzle = Puzzle()
    unknown = puzzle.unknown(0, NO_LIMIT, None)
    whole, without = (_versions(puzzle, one, parameters) for one in both)
    newcomers = max(parameters.m, parameters.k) if by_rule else 0
    for one, other in product(whole, without):
        if one.latest <= other.earliest:
            puzzle.at_least([other.unknown, unknown], [one.unknown], by=newcomers)
        if other.latest <= one.earliest:
            puzzle.at_least([one.unknown], [other.unknown], by=newcomers)
            puzzle.at_least([one.unknown], [other.unknown, unknown])
    prover = Prover(puzzle, [Claim("the group", 0, parameters.k, ((unknown, 1),))])
    for proven in prover.small_groups():
        return Isolated(True, proven.least, proven.most, few, len(whole) + len(without))
    return Isolated(False, 0, NO_LIMIT, few, len(whole) + len(without))


def _versions(puzzle: Puzzle, one: Lived, parameters: Parameters) -> list[Version]:
    found: list[Version] = []
    for moment in one.published.moments:
        if POPULATION in moment.tables:
            day = one.truth[POPULATION, moment.grid_point].frozen_at
            unknown = puzzle.unknown(*parameters.bounds(moment.tables[POPULATION].get(())), None)
            found.append(Version(unknown, day, day))
    for before, after in pairwise(found):
        puzzle.at_least([after.unknown], [before.unknown], by=parameters.m)
    return found
