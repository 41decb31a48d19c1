"""What two counts of the same thing say of one another, when it is known which of them was made later.

Nobody leaves, stages only advance and results stay, where this is so; then whoever was in a cell still is. On which day a
version was counted is secret, and shows only within its delay; the audit takes it that everybody knows the day.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, TableKey
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.world import NO_LIMIT, Placed, Terms, World


@dataclass(frozen=True)
class Counting:
    """A version; where two studies are compared, less those of its people who are in the one study only."""

    all: Placed
    alone: Placed | None = None

    def of(self, cells: Sequence[Cell]) -> Terms:
        """Those in these cells."""
        every = [(self.all.cells[cell], 1) for cell in cells if cell in self.all.cells]
        return (*every, *negative(self.of_alone(cells)))

    def of_alone(self, cells: Sequence[Cell]) -> Terms:
        """Those in these cells who are in the one study only."""
        return () if self.alone is None else tuple((self.alone.cells[cell], 1) for cell in cells)

    def outside(self, cells: Sequence[Cell]) -> Terms:
        """Those in the table and not in these cells."""
        without = () if self.alone is None else ((self.alone.total, -1),)
        return ((self.all.total, 1), *without, *negative(self.of(cells)))


def negative(terms: Terms) -> Terms:
    """The same with the other sign."""
    return tuple((variable, -sign) for variable, sign in terms)


def counted_alike(one: TableKey, other: TableKey) -> bool:
    """Whether two tables tell the same of the same patients: one table, or how far in the work they are."""
    return one == other or (_of_stages(one) and _of_stages(other))


def _of_stages(key: TableKey) -> bool:
    table = TABLES[key.table]
    return table.dimensions[:1] == TABLES["stage"].dimensions and not table.subpopulation


def counts_in_common(one: Placed, other: Placed) -> Iterator[tuple[list[Cell], list[Cell]]]:
    """Cells of the one version and of the other that count the same, together as far as needed so that they only grow."""
    key, table = one.version.key, TABLES[one.version.key.table]
    shared = [cell for cell in one.cells if cell in other.cells]
    if table.kind is Kind.HISTOGRAM:
        if one.version.codes == other.version.codes:
            yield from ((cells, cells) for cells in _buckets(one.version.codes, shared))
    elif key != other.version.key:
        codes = [list(dict.fromkeys(cell[0] for cell in each.version.codes)) for each in (one, other)]
        if codes[0] == codes[1]:
            yield from ((_so_far(one, codes[0], i), _so_far(other, codes[0], i)) for i in range(len(codes[0])))
    elif _of_stages(key):
        for group in dict.fromkeys(cell[1:] for cell in shared):
            cells = [cell for cell in shared if cell[1:] == group]
            for i in range(len(cells)):
                far = cells[i : i + 1] if table.kind is Kind.NESTED else cells[i:]
                yield far, far
    else:
        yield from (([cell], [cell]) for cell in shared)


def _buckets(codes: Sequence[Cell], ends: Sequence[Cell]) -> Iterator[list[Cell]]:
    since: list[Cell] = []
    for cell in codes:
        since.append(cell)
        if cell in ends:
            yield since
            since = []


def _so_far(one: Placed, codes: Sequence[str], i: int) -> list[Cell]:
    """Those who have got to the stage, in all subgroups."""
    far = codes[i : i + 1] if TABLES[one.version.key.table].kind is Kind.NESTED else codes[i:]
    return [cell for cell in one.cells if cell[0] in far]


def near(here: Sequence[Counting], there: Sequence[Counting]) -> Iterator[tuple[Counting, Counting]]:
    """Each version with the two that came out before it on the other side and the two after; the others follow from these."""
    points = [one.all.grid_point for one in there]
    for one in here:
        at = bisect(points, one.all.grid_point)
        for theirs in there[max(at - 2, 0) : at + 2]:
            yield one, theirs


def one_after_the_other(world: World, one: Counting, other: Counting) -> None:
    """Whoever was in a cell when the one version was counted is in it by the other, where that was counted later.

    Members and answers may be of two days: of members who came later and answers that are older, it is those outside a cell
    who only become more. Of versions whose days are not known any more the order is what the true numbers allow.
    """
    days = one.all.version.days, other.all.version.days
    cells = list(counts_in_common(one.all, other.all))
    more = [(*one.of(here), *negative(other.of(there))) for here, there in cells]
    if days[0] is None or days[1] is None:
        values = [world.true_value(terms) for terms in more]
        later, earlier = min(values, default=0) >= 0, max(values, default=0) <= 0
        if not (later or earlier):  # people came to one of both only: by the order in which they came out
            later = one.all.grid_point >= other.all.grid_point
            earlier = not later
    else:
        members, answers = days[0].members - days[1].members, days[0].answers - days[1].answers
        later, earlier = min(members, answers) >= 0, max(members, answers) <= 0
        if not (later or earlier):
            more = [(*one.outside(here), *negative(other.outside(there))) for here, there in cells]
            later, earlier = members > 0, members < 0
    for terms in more:
        if later:
            world.know(0, NO_LIMIT, terms)
        if earlier:
            world.know(0, NO_LIMIT, negative(terms))
