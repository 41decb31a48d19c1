"""The witness audit: a release goes only if no small group can be proven from everything ever shown (privacy.md 2.8).

For every group of truly 1..k-1 people a witness is sought: a world of whole numbers, consistent with
every release, in which that group is empty or has at least k. Most of them are found at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studyscope_contract.canonical import content_hash
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.history import Release
from studyscope_exporter.disclosure.knowledge import world_of
from studyscope_exporter.disclosure.world import Group, World
from studyscope_exporter.disclosure.world_search import WorldSearch

_ROUNDS = 6


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
        open_groups = [group for group in world.groups if 1 <= world.true_value(group.terms) < k]
        search = _Search(world, k, self.seconds)
        left = search.certified_apart(search.certified_together(open_groups))
        if left and world.public:  # what the protocol itself makes known is proven by nothing that is protected
            known = _Search(world.without_protected_numbers(), k, self.seconds).certified_apart(left)
            left = [group for group in left if group not in known]
        if left and any(release.parameters.k < k for release in history):
            left = self._not_seen_before(left, history, k)
        if left:
            return Verdict(False, "", tuple(group.name for group in left))
        return Verdict(True, "witness:" + content_hash(search.proof))

    def _not_seen_before(self, groups: Sequence[Group], history: Sequence[Release], k: int) -> list[Group]:
        """Those that the history alone does not prove: what was shown under a smaller k is small only since k was raised.

        Without this a number of 15 to 24, shown under k = 11, would hold every release for ever once k is 25.
        """
        before = world_of(history)  # its variables are the first of the whole world
        past = [group for group in groups if all(variable < len(before.truth) for variable, _ in group.terms)]
        seen = _Search(before, k, self.seconds).certified_apart(past)
        return [group for group in groups if group not in seen]


class _Search:
    """One model, asked again and again."""

    def __init__(self, world: World, k: int, seconds: float) -> None:
        self._k, self._search = k, WorldSearch(world, seconds)
        self.proof: list[list[int]] = []

    def certified_together(self, groups: Sequence[Group]) -> list[Group]:
        """The groups left after joint solves: the smallest and the largest sum of all of them, until nothing is gained."""
        left = list(groups)
        for _ in range(_ROUNDS):
            before = len(left)
            for sign in (1, -1):
                if left:
                    found = self._best([term for group in left for term in group.terms], sign)
                    left = [group for group in left if not self._witnesses(found, group)]
            if len(left) in (0, before):
                break
        return left

    def certified_apart(self, groups: Sequence[Group]) -> list[Group]:
        """The groups for which there is no witness at all: least and greatest value of each alone."""
        return [
            group for group in groups if not any(self._witnesses(self._best(list(group.terms), sign), group) for sign in (1, -1))
        ]

    def _witnesses(self, found: list[int] | None, group: Group) -> bool:
        if found is None:
            return False
        value = sum(coefficient * found[variable] for variable, coefficient in group.terms)
        return value <= 0 or value >= self._k

    def _best(self, terms: list[tuple[int, int]], sign: int) -> list[int] | None:
        found = self._search.best(terms, sign)
        if found is not None:
            self.proof.append(found)
        return found
