"""An attacker with a solver: what is the least and the most that a group can be, in any world that fits.

Most claims fall at once: each world found refutes every claim that does not hold in it. What is left
is asked one by one. HiGHS solves in whole numbers; a world counts only if it meets every constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.attack.claims import Claim
from studyscope_exporter.attack.puzzle import Puzzle

Numbers = NDArray[np.int64]
EVERY = slice(None)
CLEARLY = 1e-4
_Holds = Callable[[], NDArray[np.bool_]]


class Contradiction(Exception):
    """No world fits: what the attacker took for granted is not true of this history."""

    def __init__(self) -> None:
        super().__init__("no world fits what was published; leave out facts that may not be true of this site")


@dataclass(frozen=True)
class Proven:
    """A claim with the least and the most that its group can be."""

    claim: Claim
    least: int
    most: int


class Prover:
    """One puzzle and some claims. `seconds` bounds one question to the solver; in doubt a claim counts as proven."""

    def __init__(self, puzzle: Puzzle, claims: Sequence[Claim], seconds: float = 20.0) -> None:
        self._claims = list(claims)
        self._whole, self._relaxed = _solver(puzzle, seconds, whole=True), _solver(puzzle, seconds, whole=False)
        self._rows = _Sums([row.terms for row in puzzle.rows])
        self._sides = np.array([[row.low, row.high] for row in puzzle.rows]).reshape(-1, 2).T
        self._bounds = np.array([puzzle.low, puzzle.high])
        self._sums = _Sums([claim.terms for claim in self._claims])
        self._size = len(puzzle.low)
        self._least = np.full(len(self._claims), np.iinfo(np.int64).max)
        self._most = np.full(len(self._claims), np.iinfo(np.int64).min)
        self.questions = 0
        if self._ask(np.zeros(self._size), self._whole) is None:
            raise Contradiction

    def small_groups(self, among: slice = EVERY) -> list[Proven]:
        """Claims that hold in every world: the group is there and has fewer than k."""
        k, of_these = np.array([claim.k for claim in self._claims]), self._these(among)
        return self._sure(lambda: of_these & (self._least >= 1) & (self._most < k))

    def exact(self, among: slice = EVERY) -> list[Proven]:
        """Claims whose group has one size in every world."""
        of_these = self._these(among)
        return self._sure(lambda: of_these & (self._least == self._most))

    def _these(self, among: slice) -> NDArray[np.bool_]:
        mask = np.zeros(len(self._claims), dtype=np.bool_)
        mask[among] = True
        return mask

    def _sure(self, holds: _Holds) -> list[Proven]:
        self._together(holds)
        proven = []
        for number in np.flatnonzero(holds()):
            if holds()[number] and self._apart(int(number), holds):
                proven.append(Proven(self._claims[number], int(self._least[number]), int(self._most[number])))
        return proven

    def _together(self, holds: _Holds) -> None:
        """Least and greatest sum of everything still open, until nothing is gained."""
        for _ in range(12):
            before = int(holds().sum())
            for sign in (1.0, -1.0):
                if holds().any():
                    self._ask(sign * self._sums.costs(holds(), self._size), self._whole)
            if holds().sum() in (0, before):
                return

    def _apart(self, number: int, holds: _Holds) -> bool:
        only = np.zeros(len(self._claims), dtype=np.bool_)
        only[number] = True
        for sign in (1.0, -1.0):
            costs = sign * self._sums.costs(only, self._size)
            # The relaxed problem is solved in a moment and most of its answers are whole.
            if self._ask(costs, self._relaxed) is None and not self._is_furthest(number, sign):
                self._ask(costs, self._whole)
            if not holds()[number]:
                return False
        return True

    def _is_furthest(self, number: int, sign: float) -> bool:
        """Whether the relaxed problem, just solved, has no less (`sign` -1: no more) than a world found already."""
        if self._relaxed.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return False
        reached = self._least[number] if sign > 0 else -self._most[number]
        return bool(self._relaxed.getInfo().objective_function_value > reached - 1 + CLEARLY)

    def _ask(self, costs: NDArray[np.float64], solver: highspy.Highs) -> Numbers | None:
        """The world with the least cost, None without one; what it says of every claim is noted."""
        self.questions += 1
        solver.changeColsCost(self._size, np.arange(self._size, dtype=np.int32), costs)
        solver.run()
        solution = solver.getSolution()
        if not solution.value_valid:
            return None
        world: Numbers = np.rint(np.array(solution.col_value)).astype(np.int64)
        if not self._fits(world):
            return None
        values = self._sums.of(world)
        self._least, self._most = np.minimum(self._least, values), np.maximum(self._most, values)
        return world

    def _fits(self, world: Numbers) -> bool:
        sums = self._rows.of(world)
        inside = (self._bounds[0] <= world) & (world <= self._bounds[1])
        return bool(inside.all() and ((self._sides[0] <= sums) & (sums <= self._sides[1])).all())


class _Sums:
    """Many sums over unknowns at once."""

    def __init__(self, terms: Sequence[Sequence[tuple[int, int]]]) -> None:
        flat = [term for one in terms for term in one]
        self.lengths = np.array([len(one) for one in terms], dtype=np.int64)
        self.starts = (
            np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int32) if len(terms) else np.zeros(0, np.int32)
        )
        self.unknowns = np.array([unknown for unknown, _ in flat], dtype=np.int32)
        self.coefficients = np.array([coefficient for _, coefficient in flat], dtype=np.int64)

    def of(self, world: Numbers) -> Numbers:
        if not len(self.starts):
            return np.zeros(0, dtype=np.int64)
        sums: Numbers = np.add.reduceat(world[self.unknowns] * self.coefficients, self.starts)
        return sums

    def costs(self, which: NDArray[np.bool_], size: int) -> NDArray[np.float64]:
        taken = np.repeat(which, self.lengths)
        costs = np.zeros(size)
        np.add.at(costs, self.unknowns[taken], self.coefficients[taken])
        return costs


def _solver(puzzle: Puzzle, seconds: float, *, whole: bool) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in (("output_flag", False), ("threads", 1), ("time_limit", seconds), ("random_seed", 0)):
        solver.setOptionValue(option, value)
    size, sums = len(puzzle.low), _Sums([row.terms for row in puzzle.rows])
    solver.addVars(size, np.array(puzzle.low, dtype=np.double), np.array(puzzle.high, dtype=np.double))
    if whole:
        solver.changeColsIntegrality(size, np.arange(size, dtype=np.int32), np.full(size, highspy.HighsVarType.kInteger))
    low, high = ([float(getattr(row, side)) for row in puzzle.rows] for side in ("low", "high"))
    coefficients = sums.coefficients.astype(np.double)
    solver.addRows(len(puzzle.rows), np.array(low), np.array(high), len(coefficients), sums.starts, sums.unknowns, coefficients)
    return solver
