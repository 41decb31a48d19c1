"""Tables hang together by who is in the study; where that is settled, a world falls into parts of their own.

A witness of a part is a witness of the whole: everything outside it is as it truly is. So each part is
asked alone, and only what no part can answer is asked of everything at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from studyscope_exporter.disclosure.world import Group, Row, Terms, World


@dataclass(frozen=True)
class Asked:
    """A group as a sum over the variables of one part; `rest` is how many of it are settled."""

    group: Group
    terms: Terms
    rest: int = 0


@dataclass(frozen=True)
class Part:
    """Some variables of a world with all that is said of them, and the groups that were asked for there."""

    world: World
    groups: tuple[Asked, ...]


def parts_of(world: World, asked: Sequence[Group]) -> Iterator[Part]:
    """The parts in which some of the groups lie, when everybody in each epoch is as many as they truly are."""
    together = _Together(len(world.truth), world.sizes)
    for row in world.rows:
        together.join(row.terms)
    for group in asked:
        together.join(group.terms)
    groups: dict[int, list[Group]] = {}
    for group in asked:
        root = together.root_of(group.terms)
        if root is not None:
            groups.setdefault(root, []).append(group)
    rows: dict[int, list[Row]] = {root: [] for root in groups}
    for row in world.rows:
        root = together.root_of(row.terms)
        if root in rows:
            rows[root].append(row)
    for root, of_part in groups.items():
        yield _part(world, together.settled, rows[root], of_part)


def _part(world: World, settled: frozenset[int], rows: Sequence[Row], groups: Sequence[Group]) -> Part:
    every = (terms for terms in (*(row.terms for row in rows), *(group.terms for group in groups)))
    variables = sorted({variable for terms in every for variable, _ in terms} - settled)
    place, truth = {variable: at for at, variable in enumerate(variables)}, world.truth

    def inside(terms: Terms) -> tuple[Terms, int]:
        kept, rest = [], 0
        for variable, coefficient in terms:
            if variable in place:
                kept.append((place[variable], coefficient))
            else:
                rest += coefficient * truth[variable]
        return tuple(kept), rest

    kept_rows = []
    for row in rows:
        terms, rest = inside(row.terms)
        kept_rows.append(Row(row.low - rest, row.high - rest, terms))
    low, high, true = ([of[variable] for variable in variables] for of in (world.low, world.high, truth))
    return Part(World(low, high, true, kept_rows), tuple(Asked(group, *inside(group.terms)) for group in groups))


class _Together:
    """Which variables hang together (union-find); settled ones hang together with nothing."""

    def __init__(self, size: int, settled: Sequence[int]) -> None:
        self._above, self.settled = list(range(size)), frozenset(settled)

    def root(self, variable: int) -> int:
        above = self._above
        while above[variable] != variable:
            above[variable] = above[above[variable]]
            variable = above[variable]
        return variable

    def root_of(self, terms: Terms) -> int | None:
        """The root of what is open in `terms`; None where all of it is settled."""
        for variable, _ in terms:
            if variable not in self.settled:
                return self.root(variable)
        return None

    def join(self, terms: Terms) -> None:
        first: int | None = None
        for variable, _ in terms:
            if variable in self.settled:
                continue
            if first is None:
                first = self.root(variable)
            else:
                self._above[self.root(variable)] = first
