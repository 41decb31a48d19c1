"""The witness audit: a release goes only if no small group can be proven from everything ever shown (privacy.md 2.8).

For every group of truly 1..k-1 people a witness is sought: a world of whole numbers, consistent with
every release, in which that group is empty or has at least k. Most of them are found at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from studyscope_contract.canonical import content_hash
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.history import Release
from studyscope_exporter.disclosure.knowledge import world_of
from studyscope_exporter.disclosure.world import Group, World
from studyscope_exporter.disclosure.world_parts import Asked, parts_of
from studyscope_exporter.disclosure.world_search import WorldSearch

_ROUNDS = 6
_NEARLY = 1e-6  # how far a sum of the solver may be from the true one
_Ask = Callable[[Sequence[tuple[int, int]], int], list[int] | None]


@dataclass(frozen=True)
class WitnessAudit:
    """Passes a candidate for which every small group of every version has a witness; in doubt it does not pass.

    `seconds` is the longest time for one question to the solver.
    """

    seconds: float = 20.0

    def audit(self, history: Sequence[Release], candidate: Release) -> Verdict:
        world, k = world_of([*history, candidate]), candidate.parameters.k
        if not world.holds_the_truth():
            return Verdict(False, "", ("the model of what was shown does not hold the truth: please report this",))
        proof: list[list[int]] = []
        left = [group for group in world.groups if 1 <= world.true_value(group.terms) < k]
        left = self._certified_in_parts(world, left, k, proof)
        left = self._certified(world, left, k, proof)
        if left and world.public:  # what the protocol itself makes known is proven by nothing that is protected
            known = self._certified(world.without_protected_numbers(), left, k, proof)
            left = [group for group in left if group not in known]
        if left and any(release.parameters.k < k for release in history):
            left = self._not_seen_before(left, history, k)
        if left:
            return Verdict(False, "", tuple(group.name for group in left))
        return Verdict(True, "witness:" + content_hash(proof))

    def _certified_in_parts(self, world: World, groups: Sequence[Group], k: int, proof: list[list[int]]) -> list[Group]:
        """The groups for which there is no witness among the worlds in which everybody is as many as in the true one."""
        without = {
            asked.group
            for part in parts_of(world, groups)
            for asked in _Search(part.world, k, self.seconds, proof).without_witness(part.groups)
        }
        return [group for group in groups if group in without]

    def _certified(self, world: World, groups: Sequence[Group], k: int, proof: list[list[int]]) -> list[Group]:
        """The groups for which there is no witness at all."""
        if not groups:
            return []
        search = _Search(world, k, self.seconds, proof)
        return [asked.group for asked in search.without_witness([Asked(group, group.terms) for group in groups])]

    def _not_seen_before(self, groups: Sequence[Group], history: Sequence[Release], k: int) -> list[Group]:
        """Those that the history alone does not prove: what was shown under a smaller k is small only since k was raised.

        Without this a number of 15 to 24, shown under k = 11, would hold every release for ever once k is 25.
        """
        before = world_of(history)  # its variables are the first of the whole world
        past = [group for group in groups if all(variable < len(before.truth) for variable, _ in group.terms)]
        seen = self._certified(before, past, k, [])
        return [group for group in groups if group not in seen]


class _Search:
    """One model, asked again and again; every world found goes to the proof."""

    def __init__(self, world: World, k: int, seconds: float, proof: list[list[int]]) -> None:
        self._k, self._search, self._proof = k, WorldSearch(world, seconds), proof
        self._out_of_reach: dict[int, list[Asked]] = {1: [], -1: []}  # not even fractions make the group so small, so large

    def without_witness(self, groups: Sequence[Asked]) -> list[Asked]:
        """Asks in fractions as long as these give whole numbers, and of what is left in whole numbers."""
        left = list(groups)
        for ask in (self._search.at_once, self._search.best):
            left = self._apart(self._together(left, ask), ask)
        return left

    def _together(self, groups: list[Asked], ask: _Ask) -> list[Asked]:
        """The groups left after the smallest and the largest sum of all of them, until nothing is gained."""
        left = groups
        for _ in range(_ROUNDS):
            before = len(left)
            for sign in (1, -1):
                if len(left) > 1:
                    left = self._left(left, ask([term for asked in left for term in asked.terms], sign))
            if len(left) in (0, 1, before):
                break
        return left

    def _apart(self, groups: list[Asked], ask: _Ask) -> list[Asked]:
        """The groups left after the least and the greatest value of each."""
        left = groups
        for asked in groups:
            for sign, enough in ((1, -asked.rest), (-1, self._k - asked.rest)):
                if asked in left and asked not in self._out_of_reach[sign]:
                    left = self._left(left, ask(asked.terms, sign))
                    if sign * (self._search.bound - enough) > _NEARLY:
                        self._out_of_reach[sign].append(asked)
        return left

    def _left(self, groups: list[Asked], found: list[int] | None) -> list[Asked]:
        """The groups of which the world is no witness."""
        if found is None:
            return groups
        self._proof.append(found)
        return [asked for asked in groups if not self._witnesses(found, asked)]

    def _witnesses(self, found: list[int], asked: Asked) -> bool:
        value = asked.rest + sum(coefficient * found[variable] for variable, coefficient in asked.terms)
        return value <= 0 or value >= self._k
