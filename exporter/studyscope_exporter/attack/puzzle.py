"""What an attacker does not know, as whole numbers with bounds and linear constraints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from studyscope_contract.metric import TableKey
from studyscope_exporter.attack.published import Cell

NO_LIMIT = 1_000_000
Terms = tuple[tuple[int, int], ...]
"""A sum of coefficient times unknown, as (unknown, coefficient)."""


@dataclass(frozen=True)
class Name:
    """What an unknown stands for: patients in a cell of a version, or (`cell` None) everybody in it."""

    key: TableKey
    grid_point: int
    cell: Cell | None = None


@dataclass(frozen=True)
class Row:
    """`low` <= sum <= `high`."""

    low: int
    high: int
    terms: Terms


@dataclass(repr=False)
class Puzzle:
    """Unknowns and constraints, collected piece by piece. An unknown without a name is a choice (0 or 1)."""

    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    names: list[Name | None] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def unknown(self, low: int, high: int, name: Name | None) -> int:
        self.low.append(low)
        self.high.append(high)
        self.names.append(name)
        return len(self.names) - 1

    def row(self, low: int, high: int, terms: Iterable[tuple[int, int]]) -> None:
        if kept := tuple(terms):
            self.rows.append(Row(low, high, kept))

    def equal(self, one: Iterable[int], other: Iterable[int]) -> None:
        self.row(0, 0, [*((unknown, 1) for unknown in one), *((unknown, -1) for unknown in other)])

    def at_least(self, more: Iterable[int], less: Iterable[int], by: int = 0) -> None:
        """The sum of `more` is at least that of `less`, and `by` greater."""
        self.row(by, NO_LIMIT, [*((unknown, 1) for unknown in more), *((unknown, -1) for unknown in less)])

    def one_of(self, number: int) -> list[int]:
        """So many choices, of which exactly one is true."""
        choices = [self.unknown(0, 1, None) for _ in range(number)]
        self.row(1, 1, [(choice, 1) for choice in choices])
        return choices

    def if_chosen(self, choice: int, terms: Iterable[tuple[int, int]], *, at_most: int, slack: int) -> None:
        """The sum is at most `at_most` when `choice` is true; `slack` is what it can exceed that by when it is not."""
        self.row(-NO_LIMIT, at_most + slack, [*terms, (choice, slack)])
