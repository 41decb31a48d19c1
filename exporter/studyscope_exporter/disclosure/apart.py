"""Who is in one of two studies of a hospital only, cell by cell: what the audit has to protect of both together (T16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.census import ABSENT, counted
from studyscope_exporter.disclosure.contributions import POPULATION, Cell
from studyscope_exporter.disclosure.gate import Counted
from studyscope_exporter.disclosure.history import Beside
from studyscope_exporter.disclosure.neighbours import Neighbour
from studyscope_exporter.disclosure.terms import Terms


def studies_beside(today: Counted, terms: Terms) -> tuple[Beside, ...]:
    """Every other study that has shown something of some of today's patients."""
    members = today.columns[POPULATION] != ABSENT
    fixed = [key for key in today.columns if key == POPULATION or terms.tables[key].fixed_at_admission]
    return tuple(
        Beside(one.history, _only_here(today, one, fixed), _only_there(today, one, fixed))
        for one in today.beside
        if one.history and np.isin(today.state.roster[members], one.today).any()
    )


def _only_here(today: Counted, one: Neighbour, fixed: Sequence[TableKey]) -> Mapping[TableKey, Mapping[Cell, int]]:
    elsewhere, answers = np.isin(today.state.roster, one.today), today.state.answers
    return {key: counted(np.where(elsewhere, ABSENT, today.columns[key]).astype(np.int32), answers) for key in fixed}


def _only_there(today: Counted, one: Neighbour, fixed: Sequence[TableKey]) -> Mapping[TableKey, Mapping[Cell, int]]:
    """Of a study whose answers are not known any more: by table only where nobody is in it alone."""
    members = today.state.roster[today.columns[POPULATION] != ABSENT]
    # A key that ends in zero bytes loses them as an object of Python.
    size = one.today.dtype.itemsize
    only = {patient.ljust(size, b"\0") for patient in one.today[~np.isin(one.today, members)].tolist()}
    found: dict[TableKey, Mapping[Cell, int]] = {
        key: Counter(cell for patient in only for cell in one.fixed[key].get(patient, ()))
        for key in fixed
        if key in one.fixed or not only
    }
    return found | {POPULATION: {(): len(only)}}
