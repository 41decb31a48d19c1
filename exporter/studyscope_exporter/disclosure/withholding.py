"""Which numbers of a sensitive table are withheld though enough people are in them.

A result that all share tells about each of them, so privacy.md 2.4 withholds a cell whose bin is that
of everybody. That alone gives small groups away where results never change: a cell that is shown
proves that somebody is outside of it, and bins that are neighbours leave room for a few only. So a
cell is shown only where everybody can see that at least k others are not in it: another cell of the
same people is shown, or the bins lie far enough apart. Then no shown cell proves a small group to exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from studyscope_contract.metric import Kind, Table
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.census import Exact
from studyscope_exporter.disclosure.contributions import Cell


def bins_apart(parameters: Parameters) -> int:
    """How many bins the number of everybody must be above a cell's, so that at least k are surely outside the cell."""
    return -(-(parameters.k + parameters.b - 1) // parameters.b)


def peers(table: Table, cell: Cell, cells: Iterable[Cell]) -> list[Cell]:
    """The other cells of which nobody is in `cell`, among the people whom `cell` is a part of."""
    if table.kind in (Kind.MULTI, Kind.NESTED):
        return []
    return [other for other in cells if other != cell and (table.kind is not Kind.TWO_WAY or other[-1] == cell[-1])]


def withheld(table: Table, counts: Mapping[Cell, int], patients: int, parameters: Parameters) -> frozenset[Cell]:
    """The cells of a sensitive table that have at least s patients and are not shown; `patients` are in the table."""
    if not table.sensitive:
        return frozenset()
    large = [cell for cell, count in counts.items() if count >= parameters.s]
    return frozenset(cell for cell in large if not _others_are_seen(table, cell, large, counts, patients, parameters))


def _others_are_seen(
    table: Table, cell: Cell, large: Iterable[Cell], counts: Mapping[Cell, int], patients: int, parameters: Parameters
) -> bool:
    if peers(table, cell, large):
        return True
    everybody = patients
    if table.kind is Kind.TWO_WAY:
        everybody = Exact(counts[cell] + sum(counts[other] for other in peers(table, cell, counts)))
    least, _ = parameters.bounds(parameters.published(everybody))
    _, most = parameters.bounds(parameters.published(counts[cell]))
    return least - most >= parameters.k
