"""One model of worlds, asked again and again for the world with the least or greatest of a sum."""

from __future__ import annotations

from collections.abc import Sequence

import highspy
import numpy as np

from studyscope_exporter.disclosure.world import World


class WorldSearch:
    """HiGHS over a world's constraints; `seconds` is the longest time for one question."""

    def __init__(self, world: World, seconds: float) -> None:
        self._world = world
        self._solver = _solver(world, seconds)

    def best(self, terms: Sequence[tuple[int, int]], sign: int) -> list[int] | None:
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
        return found if self._is_a_world(found) else None

    def finished(self) -> bool:
        """Whether the last question was answered to the end, not only until its time was over."""
        return bool(self._solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)

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
