"""Tables in which it must not be seen that nearly everybody shares a result (privacy.md 2.4; docs/decisions/0010).

A cell is shown only where as many people as the threshold are beside it: in the table, in a two-way table in its
subgroup. Nobody beside it and a few look the same, so that no size of the table, known from wherever, tells one from the other.
"""

from __future__ import annotations

from collections.abc import Mapping

from studyscope_contract.metric import Kind, Table
from studyscope_exporter.disclosure.contributions import Cell


def may_be_shown(table: Table, counts: Mapping[Cell, int], patients: int, least: int) -> frozenset[Cell]:
    """The cells of a sensitive table of `patients` beside which `least` of them are."""
    return frozenset(cell for cell, count in counts.items() if _whole(table, cell, counts, patients) - count >= least)


def _whole(table: Table, cell: Cell, counts: Mapping[Cell, int], patients: int) -> int:
    if table.kind is not Kind.TWO_WAY:
        return patients
    return sum(count for other, count in counts.items() if other[-1] == cell[-1])
