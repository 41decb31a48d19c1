"""One model of worlds, asked again and again for the world with the least or greatest of a sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import highspy
import numpy as np

from studyscope_exporter.disclosure.world import World

# A question about a few begins near the last answer, which still fits; one about many is quicker from the rules alone.
_FEW = 30
_NEAR = (("presolve", "off"), ("simplex_strategy", 4))  # 4 is the primal method, 1 the dual one
_AFRESH = (("presolve", "on"), ("simplex_strategy", 1))


@dataclass(frozen=True)
class Patience:
    """How long to wait for the solver: at most `seconds` for one question, and not beyond `until` by the clock `now`."""

    seconds: float
    until: float
    now: Callable[[], float]

    def left(self) -> float:
        """Seconds that the next question may take."""
        return min(self.seconds, self.until - self.now())


class WorldSearch:
    """HiGHS over a world's constraints; a question that takes longer than the `patience` has no answer.

    Each question is first asked in fractions, which is answered in a moment and most often in whole
    numbers; only what is not is asked in whole numbers.
    """

    def __init__(self, world: World, patience: Patience) -> None:
        self._size, self._patience = len(world.truth), patience
        self._bounds = np.array([world.low, world.high], dtype=np.int64).reshape(2, -1)
        self._sides = np.array([[row.low, row.high] for row in world.rows], dtype=np.int64).reshape(-1, 2).T
        terms = [term for row in world.rows for term in row.terms]
        self._starts = np.cumsum([0, *(len(row.terms) for row in world.rows)], dtype=np.int64)
        self._variables = np.array([variable for variable, _ in terms], dtype=np.int32)
        self._coefficients = np.array([coefficient for _, coefficient in terms], dtype=np.int64)
        self._every = np.arange(self._size, dtype=np.int32)
        self._fractions = self._solver()
        self._whole: highspy.Highs | None = None
        self._finished = False
        self.bound = 0.0

    def best(self, terms: Sequence[tuple[int, int]], sign: int, seconds: float = inf) -> list[int] | None:
        """The world with the least (sign 1) or greatest (-1) sum, checked in whole numbers; None without one.

        After `seconds` it is the best that was found.
        """
        found = self.at_once(terms, sign)
        if found is None:
            self._whole = self._whole or self._in_whole_numbers()
            asked = self._asked(self._whole, terms, sign, 0.0, seconds)
            self._finished = asked and bool(self._whole.getModelStatus() == highspy.HighsModelStatus.kOptimal)
            found = self._world(self._whole) if asked else None
        return found

    def at_once(self, terms: Sequence[tuple[int, int]], sign: int) -> list[int] | None:
        """As `best`, where fractions give whole numbers; else None, and `bound` is what no world can go beyond."""
        few = len(terms) < _FEW
        if not few:
            self._fractions.clearSolver()
        for option, value in _NEAR if few else _AFRESH:
            self._fractions.setOptionValue(option, value)
        # In fractions the solver counts the time of all questions together, in whole numbers that of each.
        asked = self._asked(self._fractions, terms, sign, self.seconds_in_fractions())
        optimal = asked and self._fractions.getModelStatus() == highspy.HighsModelStatus.kOptimal
        self.bound = sign * self._fractions.getInfo().objective_function_value if optimal else -sign * inf
        found = self._world(self._fractions) if optimal else None
        self._finished = found is not None
        return found

    def seconds_in_fractions(self) -> float:
        """How long all questions in fractions took together."""
        return float(self._fractions.getRunTime())

    def finished(self) -> bool:
        """Whether the last question was answered to the end, not only until its time was over."""
        return self._finished

    def _asked(
        self, solver: highspy.Highs, terms: Sequence[tuple[int, int]], sign: int, before: float, most: float = inf
    ) -> bool:
        """Whether there was time to ask, `most` seconds; `before` is what the solver counts of earlier questions."""
        left = min(self._patience.left(), most)
        if left <= 0:
            return False
        solver.setOptionValue("time_limit", before + left)
        costs = np.zeros(self._size)
        for variable, coefficient in terms:
            costs[variable] += sign * coefficient
        solver.changeColsCost(self._size, self._every, costs)
        solver.run()
        return True

    def _world(self, solver: highspy.Highs) -> list[int] | None:
        """The solver works with tolerances; a witness counts only if it meets every constraint exactly."""
        solution = solver.getSolution()
        if not solution.value_valid:
            return None
        found = np.rint(np.array(solution.col_value)).astype(np.int64)
        sums = np.concatenate([[0], np.cumsum(found[self._variables] * self._coefficients)])
        sums = sums[self._starts[1:]] - sums[self._starts[:-1]]
        inside = (self._bounds[0] <= found) & (found <= self._bounds[1])
        kept = inside.all() and ((self._sides[0] <= sums) & (sums <= self._sides[1])).all()
        return [int(value) for value in found] if kept else None

    def _solver(self) -> highspy.Highs:
        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 0)):
            solver.setOptionValue(option, value)
        low, high = self._bounds.astype(np.double)
        solver.addVars(self._size, low, high)
        least, most = self._sides.astype(np.double)
        starts, coefficients = self._starts[:-1].astype(np.int32), self._coefficients.astype(np.double)
        solver.addRows(len(least), least, most, len(coefficients), starts, self._variables, coefficients)
        return solver

    def _in_whole_numbers(self) -> highspy.Highs:
        solver = self._solver()
        solver.changeColsIntegrality(self._size, self._every, np.full(self._size, highspy.HighsVarType.kInteger))
        return solver
