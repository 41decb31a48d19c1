"""The witness audit: a release goes only if no small group can be proven from everything ever shown (privacy.md 2.8).

For every group of truly 1..k-1 people a witness is sought: a world of whole numbers, consistent with
every release, in which that group is empty or has at least k. Most of them are found at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from studyscope_contract.canonical import content_hash
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.history import Release
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

    def audit(self, history: Sequence[Release], candidate: Release) -> Verdict:
        patience = Patience(self.seconds, self.now() + self.budget, self.now)
        world, k = world_of([*history, candidate]), candidate.parameters.k
        if not world.holds_the_truth():
            return Verdict(False, "", ("the model of what was shown does not hold the truth: please report this",))
        proof: list[list[int]] = []
        left = [group for group in world.groups if 1 <= world.true_value(group.terms) < k]
        left = _without_witness_in_parts(world, left, k, patience, proof)
        without = _without_witness(world, left, k, patience, proof)
        was_smaller = any(release.parameters.k < k for release in history)
        # One is enough to hold the release, unless it may turn out to be no secret.
        left = list(without if world.public or was_smaller else islice(without, 1))
        if left and world.public:  # what the protocol itself makes known is proven by nothing that is protected
            known = list(_without_witness(world.without_protected_numbers(), left, k, patience, proof))
            left = [group for group in left if group not in known]
        if left and was_smaller:
            left = _not_seen_before(left, history, k, patience)
        if left:
            return Verdict(False, "", tuple(group.name for group in left))
        return Verdict(True, "witness:" + content_hash(proof))


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


def _not_seen_before(groups: Sequence[Group], history: Sequence[Release], k: int, patience: Patience) -> list[Group]:
    """Those that the history alone does not prove: what was shown under a smaller k is small only since k was raised.

    Without this a number of 15 to 24, shown under k = 11, would hold every release for ever once k is 25.
    """
    before = world_of(history)  # its variables are the first of the whole world
    past = [group for group in groups if all(variable < len(before.truth) for variable, _ in group.terms)]
    seen = list(_without_witness(before, past, k, patience, []))
    return [group for group in groups if group not in seen]


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
        """The groups of which the world is no witness."""
        if found is not None:
            self._proof.append(found)
            self._left = [asked for asked in self._left if not self._witnesses(found, asked)]

    def _witnesses(self, found: list[int], asked: Asked) -> bool:
        value = asked.rest + sum(coefficient * found[variable] for variable, coefficient in asked.terms)
        return value <= 0 or value >= self._k
