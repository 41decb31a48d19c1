"""The witness audit: a release goes only if no small group can be proven from everything ever shown (privacy.md 2.8).

For every group of truly 1..k-1 people a witness is sought: a world of whole numbers, consistent with
every release, in which that group is empty or has at least k. HiGHS finds most of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np

from studyscope_contract.canonical import content_hash
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.history import Release
from studyscope_exporter.disclosure.knowledge import world_of
from studyscope_exporter.disclosure.world import Group, World

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
        if left:
            return Verdict(False, "", tuple(group.name for group in left))
        return Verdict(True, "witness:" + content_hash(search.proof))


class _Search:
    """One model, asked again and again."""

    def __init__(self, world: World, k: int, seconds: float) -> None:
        self._world, self._k = world, k
        self._solver = _solver(world, seconds)
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
        """The world with the least (sign 1) or greatest sum, checked in whole numbers; None without one."""
        costs = np.zeros(len(self._world.truth))
        for variable, coefficient in terms:
            costs[variable] += sign * coefficient
        self._solver.changeColsCost(len(costs), np.arange(len(costs), dtype=np.int32), costs)
        self._solver.run()
        solution = self._solver.getSolution()
        if not solution.value_valid:
            return None
        found = [round(value) for value in solution.col_value]
        if not self._is_a_world(found):
            return None
        self.proof.append(found)
        return found

    def _is_a_world(self, found: Sequence[int]) -> bool:
        """The solver works with tolerances; a witness counts only if it meets every constraint exactly."""
        world = self._world
        bounded = all(low <= value <= high for low, value, high in zip(world.low, found, world.high, strict=True))
        return bounded and all(
            row.low <= sum(coefficient * found[variable] for variable, coefficient in row.terms) <= row.high for row in world.rows
        )


def _solver(world: World, seconds: float) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in (("output_flag", False), ("threads", 1), ("time_limit", seconds), ("random_seed", 0)):
        solver.setOptionValue(option, value)
    size = len(world.truth)
    solver.addVars(size, np.array(world.low, dtype=np.double), np.array(world.high, dtype=np.double))
    kinds = np.full(size, highspy.HighsVarType.kInteger)
    solver.changeColsIntegrality(size, np.arange(size, dtype=np.int32), kinds)
    lows, highs = ([float(getattr(row, side)) for row in world.rows] for side in ("low", "high"))
    starts = np.cumsum([0, *(len(row.terms) for row in world.rows)])[:-1].astype(np.int32)
    terms = [term for row in world.rows for term in row.terms]
    variables = np.array([variable for variable, _ in terms], dtype=np.int32)
    coefficients = np.array([coefficient for _, coefficient in terms], dtype=np.double)
    solver.addRows(len(world.rows), np.array(lows), np.array(highs), len(terms), starts, variables, coefficients)
    return solver
