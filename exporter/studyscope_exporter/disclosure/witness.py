"""The witness audit: a release goes only if no small group can be proven from everything ever shown (privacy.md 2.8).

For every group of truly 1..k-1 people a witness is sought: a world of whole numbers, consistent with
every release, in which that group is empty or has at least k. Most of them are found at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from studyscope_contract.canonical import content_hash
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.history import Beside, Release
from studyscope_exporter.disclosure.knowledge import world_of
from studyscope_exporter.disclosure.world import Group, World
from studyscope_exporter.disclosure.world_parts import Asked, parts_of
from studyscope_exporter.disclosure.world_search import Patience, WorldSearch

_ROUNDS = 6
_SECONDS_TOGETHER = 5.0  # whole numbers for many groups at once are a bonus: what was found by then is taken
_NEARLY = 1e-6  # how far a sum of the solver may be from the true one
_Ask = Callable[[Sequence[tuple[int, int]], int], list[int] | None]


@dataclass(frozen=True)
class WitnessAudit:
    """Passes a candidate for which every small group of every version has a witness; in doubt it does not pass.

    `seconds` is the longest time for one question to the solver, `budget` that for all of them: a release whose audit
    takes longer is held, and the report leaves in time without it.
    """

    seconds: float = 20.0
    budget: float = 240.0
    now: Callable[[], float] = time.monotonic

    def audit(self, history: Sequence[Release], candidate: Release, beside: Sequence[Beside] = ()) -> Verdict:
        patience = Patience(self.seconds, self.now() + self.budget, self.now)
        world, k = world_of([*history, candidate], beside), candidate.parameters.k
        if not world.holds_the_truth():
            return Verdict(False, "", ("the model of what was shown does not hold the truth: please report this",))
        proof: list[list[int]] = []
        left = [group for group in world.groups if 1 <= world.true_value(group.terms) < k]
        left = _without_witness_by_overlap(world, left, k, patience, proof)
        left = _without_witness_in_parts(world, left, k, patience, proof)
        without = _without_witness(world, left, k, patience, proof)
        known = []
        if world.public:  # what the protocol itself makes known is proven by nothing that is protected
            known.append(_Proven(world.without_protected_numbers, k, patience))
        if beside or any(release.parameters.k < k for release in history):
            known.append(_Proven(partial(world_of, history, beside), k, patience))
        for group in without:  # one that is a secret is enough to hold the release
            if not any(one.proves(group) for one in known):
                return Verdict(False, "", (group.name,))
        return Verdict(True, "witness:" + content_hash(proof))


def _without_witness_by_overlap(
    world: World, groups: list[Group], k: int, patience: Patience, proof: list[list[int]]
) -> list[Group]:
    """The groups for which there is no witness among the worlds with the fewest or the most people in one study only."""
    if not world.apart or not groups:
        return groups
    search = _Search(world, k, patience, proof)
    left = search.left_by([Asked(group, group.terms) for group in groups], [(variable, 1) for variable in world.apart])
    return [asked.group for asked in left]


def _without_witness_in_parts(
    world: World, groups: Sequence[Group], k: int, patience: Patience, proof: list[list[int]]
) -> list[Group]:
    """The groups for which there is no witness among the worlds in which everybody is as many as in the true one."""
    without = {
        asked.group
        for part in parts_of(world, groups)
        for asked in _Search(part.world, k, patience, proof).without_witness(part.groups)
    }
    return [group for group in groups if group in without]


def _without_witness(
    world: World, groups: Sequence[Group], k: int, patience: Patience, proof: list[list[int]]
) -> Iterator[Group]:
    """The groups for which there is no witness at all, one after the other; those first that are soon known."""
    if groups:
        search = _Search(world, k, patience, proof)
        yield from (asked.group for asked in search.without_witness([Asked(group, group.terms) for group in groups]))


class _Proven:
    """What another world proves already, so that no release is to blame for it.

    What was shown under a smaller k, or in another study under rules of its own, may be small only by the k of today: a
    number of 15 to 24, shown under k = 11, would hold every release for ever once k is 25.
    """

    def __init__(self, world: Callable[[], World], k: int, patience: Patience) -> None:
        self._of, self._k, self._patience = world, k, patience

    @cached_property
    def _asked(self) -> tuple[Mapping[str, Group], _Search]:
        world = self._of()
        return {group.name: group for group in world.groups}, _Search(world, self._k, self._patience, [])

    def proves(self, group: Group) -> bool:
        """Whether the group of this name is there and surely has no witness; never where the time was over before."""
        groups, search = self._asked
        same = groups.get(group.name)
        return same is not None and search.proves(Asked(same, same.terms))


class _Search:
    """One model, asked again and again; every world found goes to the proof."""

    def __init__(self, world: World, k: int, patience: Patience, proof: list[list[int]]) -> None:
        self._k, self._search, self._proof = k, WorldSearch(world, patience), proof
        self._left: list[Asked] = []
        self._beyond: set[tuple[Asked, int]] = set()  # what not even fractions make so small (1), so large (-1)

    def without_witness(self, groups: Sequence[Asked]) -> Iterator[Asked]:
        """Asks in fractions as long as these give whole numbers, and of what is left in whole numbers.

        What not even fractions make so small or so large has no witness, and is told before anything dearer is asked.
        """
        self._left = list(groups)
        self._together(self._search.at_once)
        self._together(partial(self._search.best, seconds=_SECONDS_TOGETHER))
        for asked in groups:
            if asked in self._left and self._out_of_reach(asked):
                self._left.remove(asked)
                yield asked
        for asked in groups:
            if asked in self._left and not self._witnessed(asked):
                yield asked

    def left_by(self, groups: Sequence[Asked], terms: Sequence[tuple[int, int]]) -> Sequence[Asked]:
        """The groups of which no world with the least or the greatest value of `terms` is a witness."""
        self._left = list(groups)
        for sign in (1, -1):
            self._keep(self._search.best(terms, sign, seconds=_SECONDS_TOGETHER))
        return self._left

    def proves(self, asked: Asked) -> bool:
        """Whether both the least and the greatest value of the group are known, and neither is of a witness."""
        for sign in (1, -1):
            found = self._search.best(asked.terms, sign)
            if found is None or not self._search.finished() or self._witnesses(found, asked):
                return False
        return True

    def _together(self, ask: _Ask) -> None:
        """The smallest and the largest sum of all that are left, until nothing is gained."""
        for _ in range(_ROUNDS):
            before = len(self._left)
            for sign in (1, -1):
                if len(self._left) > 1:
                    self._keep(ask([term for asked in self._left for term in asked.terms], sign))
            if len(self._left) in (0, 1, before):
                break

    def _out_of_reach(self, asked: Asked) -> bool:
        """Whether no world in fractions has so few or so many in the group; what worlds are found on the way count for all."""
        for sign, enough in ((1, -asked.rest), (-1, self._k - asked.rest)):
            self._keep(self._search.at_once(asked.terms, sign))
            if asked not in self._left:
                return False
            if sign * (self._search.bound - enough) > _NEARLY:
                self._beyond.add((asked, sign))
        return {(asked, 1), (asked, -1)} <= self._beyond

    def _witnessed(self, asked: Asked) -> bool:
        """Asks for the least and the greatest value of the group in whole numbers."""
        for sign in (1, -1):
            if (asked, sign) not in self._beyond:
                self._keep(self._search.best(asked.terms, sign))
        return asked not in self._left

    def _keep(self, found: list[int] | None) -> None:
        """Takes a world that was found to the proof; what is left are the groups of which it is no witness."""
        if found is not None:
            self._proof.append(found)
            self._left = [asked for asked in self._left if not self._witnesses(found, asked)]

    def _witnesses(self, found: list[int], asked: Asked) -> bool:
        value = asked.rest + sum(coefficient * found[variable] for variable, coefficient in asked.terms)
        return value <= 0 or value >= self._k
