"""What the rule of sensitive tables says of their cells to somebody who knows it (privacy.md 2.4, 2.8)."""

from __future__ import annotations

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.world import NO_LIMIT, Placed, Terms, World


def know_remainders(world: World, one: Placed, size: int) -> None:
    """Adds what is known of `one`, a version of a sensitive table; `size` is the variable of everybody in the study then."""
    two_way, s = TABLES[one.version.key.table].kind is Kind.TWO_WAY, one.parameters.s
    for cell, variable in one.cells.items():
        whole: Terms = one.of_group(cell[-1]) if two_way else ((one.total, 1),)
        beside = {person: 1 for person, _ in whole}
        beside[variable] = beside.get(variable, 0) - 1
        rest = [(person, coefficient) for person, coefficient in beside.items() if coefficient]
        if cell in one.version.shown:
            world.know(s, NO_LIMIT, rest)
        elif world.truth[variable] >= s:
            world.know(0, s - 1, rest)
        _know_bin_of_everybody(world, one, cell, [whole, ((one.total, 1),), ((size, 1),)])


def _know_bin_of_everybody(world: World, one: Placed, cell: Cell, whole: list[Terms]) -> None:
    """Versions of before this rule withheld a cell when its bin was that of everybody: that is added where it is true."""
    variable = one.cells[cell]
    low, high = one.parameters.bounds(one.parameters.published(world.truth[variable]))
    for everybody in (terms for terms in whole if world.true_value(terms) < NO_LIMIT):
        if cell in one.version.shown:
            world.know(high + 1, NO_LIMIT, everybody)
        elif low > 0 and low <= world.true_value(everybody) <= high:
            world.know(low, high, everybody)
            world.know(low, high, [(variable, 1)])
