"""What two studies of a hospital say together of those who are in one of them only (privacy.md 1.2 A12, attack T16).

Whoever has both subtracts, cell by cell, what is fixed when a patient is admitted: those of both studies only become more.
On which day a number was frozen is secret; the audit takes it that of two numbers the order of these days is known.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence

from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.contributions import POPULATION, Cell
from studyscope_exporter.disclosure.history import Beside
from studyscope_exporter.disclosure.world import NO_LIMIT, Group, Placed, World

Versions = Mapping[TableKey, Sequence[Placed]]
Variables = Mapping[tuple[TableKey, Cell], int]


def between_studies(world: World, here: Versions, there: Versions, beside: Beside) -> None:
    """Adds who is in one of both only, cell by cell, as groups to protect, and how every number of one bounds them."""
    only_here, only_there = (_apart(world, here, counts) for counts in (beside.only_here, beside.only_there))
    for key in here.keys() & there.keys():
        cells = [cell for table, cell in only_here if table == key and (table, cell) in only_there]
        for one, theirs in _near(here[key], there[key]):
            # Of those in both studies, cell by cell, so many more here than there.
            more = [
                [(one.cells[cell], 1), (only_here[key, cell], -1), (theirs.cells[cell], -1), (only_there[key, cell], 1)]
                for cell in cells
                if cell in one.cells and cell in theirs.cells
            ]
            less = [[(variable, -sign) for variable, sign in terms] for terms in more]
            later, earlier = (all(world.true_value(tuple(terms)) >= 0 for terms in each) for each in (more, less))
            # Where people came to one of both only, the order in which they came out is what can be known.
            neither = not (later or earlier)
            for terms in more if later or (neither and one.grid_point >= theirs.grid_point) else ():
                world.know(0, NO_LIMIT, terms)
            for terms in less if earlier or (neither and one.grid_point <= theirs.grid_point) else ():
                world.know(0, NO_LIMIT, terms)


def _near(here: Sequence[Placed], there: Sequence[Placed]) -> Iterator[tuple[Placed, Placed]]:
    """Each version with the two that came out before it in the other study and the two after; the others follow from these."""
    points = [one.grid_point for one in there]
    for one in here:
        at = bisect(points, one.grid_point)
        for theirs in there[max(at - 2, 0) : at + 2]:
            yield one, theirs


def _apart(world: World, here: Versions, counts: Mapping[TableKey, Mapping[Cell, int]]) -> Variables:
    """A variable for those of each cell who are in one study only, and that they add up."""
    everybody = world.variable(0, NO_LIMIT, int(counts.get(POPULATION, {}).get((), 0)))
    found: dict[tuple[TableKey, Cell], int] = {(POPULATION, ()): everybody}
    world.groups.append(Group("in one of two studies only: everybody", ((everybody, 1),)))
    world.know(0, 0, [(everybody, 1)])  # that the one study is a part of the other stands in their files
    for table, cells in counts.items():
        if table == POPULATION or table not in here:
            continue
        codes = list(here[table][-1].cells)
        variables = {cell: world.variable(0, NO_LIMIT, int(cells.get(cell, 0))) for cell in codes}
        world.know(0, 0, [*((variable, 1) for variable in variables.values()), (everybody, -1)])
        for cell, variable in variables.items():
            found[table, cell] = variable
            world.groups.append(Group(f"in one of two studies only, {table}: {' '.join(cell)}", ((variable, 1),)))
    return found
