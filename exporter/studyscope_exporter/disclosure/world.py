"""The worlds an attacker must think possible: linear constraints over whole numbers, and the groups to protect.

Only constraints that the true world meets are added: one that it does not meet cannot be known to
anybody. Adding a true one that an attacker may not know is safe; it only makes the audit stricter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.history import TableVersion

NO_LIMIT = 10_000_000
Terms = tuple[tuple[int, int], ...]
"""Sum of coefficient times variable, as (variable, coefficient)."""


@dataclass(frozen=True)
class Row:
    """`low` <= sum <= `high`."""

    low: int
    high: int
    terms: Terms


@dataclass(frozen=True)
class Group:
    """People who must not be proven to be 1..k-1: a cell, or those outside it. `name` is for the site's screen."""

    name: str
    terms: Terms


@dataclass(repr=False)
class World:
    """Variables with bounds and their true values, constraints, and protected groups."""

    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    public: list[Row] = field(default_factory=list)  # of the rows those that exact numbers make known
    newest: dict[tuple[TableKey, Cell], int] = field(default_factory=dict)  # the variable of each cell as it was shown last
    sizes: list[int] = field(default_factory=list)  # everybody, in the study or in a part: by these tables hang together
    apart: list[int] = field(default_factory=list)  # everybody who is in one of two studies only

    def variable(self, low: int, high: int, truth: int) -> int:
        self.low.append(low)
        self.high.append(high)
        self.truth.append(truth)
        return len(self.truth) - 1

    def true_value(self, terms: Terms) -> int:
        truth, total = self.truth, 0
        for variable, coefficient in terms:
            total += coefficient * truth[variable]
        return total

    def know(self, low: int, high: int, terms: Iterable[tuple[int, int]]) -> None:
        """Adds the constraint where it is true."""
        row = Row(low, high, tuple(terms))
        if low <= self.true_value(row.terms) <= high:
            self.rows.append(row)

    def make_public(self, variables: Iterable[int]) -> None:
        """Everybody knows the sum of these exactly."""
        known = tuple((variable, 1) for variable in variables)
        row = Row(self.true_value(known), self.true_value(known), known)
        self.rows.append(row)
        self.public.append(row)

    def without_protected_numbers(self) -> World:
        """What is known to somebody who has the public sums alone, and how tables hang together."""
        structure = [row for row in self.rows if row.low == 0 and row.high in (0, NO_LIMIT)]
        size = len(self.truth)
        return World([0] * size, [NO_LIMIT] * size, self.truth, [*structure, *self.public], self.groups)

    def holds_the_truth(self) -> bool:
        return all(low <= true <= high for low, true, high in zip(self.low, self.truth, self.high, strict=True))


@dataclass(frozen=True)
class Placed:
    """A version of a table with its variables: each cell, and everybody in it."""

    version: TableVersion
    parameters: Parameters
    cells: dict[Cell, int]
    total: int
    grid_point: int

    def of_group(self, code: str) -> Terms:
        """Everybody of a two-way table in the subgroup `code`."""
        return tuple((variable, 1) for cell, variable in self.cells.items() if cell[-1] == code)
