"""Who is in one of two studies of a hospital only, cell by cell: what the audit has to protect of both together (T16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, TableKey
from studyscope_exporter.disclosure.census import ABSENT, Column, counted
from studyscope_exporter.disclosure.contributions import POPULATION
from studyscope_exporter.disclosure.gate import Counted
from studyscope_exporter.disclosure.history import Apart, Beside
from studyscope_exporter.disclosure.neighbours import Neighbour
from studyscope_exporter.disclosure.terms import Terms


def apart_from(today: Counted, key: TableKey, column: Column) -> dict[str, Apart]:
    """Those in a table's `column` who are not in another study of the hospital, for each with which today's patients overlap."""
    return {one.study: _only_here(today, key, column, one) for one in _overlapping(today)}


def studies_beside(today: Counted, terms: Terms) -> tuple[Beside, ...]:
    """Every other study that has shown something and shares some of today's patients."""
    return tuple(
        Beside(terms.study.id, one.study, one.history, _today(today, terms, one)) for one in _overlapping(today) if one.history
    )


def _overlapping(today: Counted) -> list[Neighbour]:
    members = today.state.roster[today.columns[POPULATION] != ABSENT]
    return [one for one in today.beside if np.isin(members, one.today).any()]


def _only_here(today: Counted, key: TableKey, column: Column, one: Neighbour) -> Apart:
    alone = np.where(np.isin(today.state.roster, one.today), ABSENT, column).astype(np.int32)
    # What each added to a sum is not kept.
    cells = {} if TABLES[key.table].kind is Kind.MAGNITUDE else counted(alone, today.state.answers)
    return Apart(int(np.count_nonzero(alone != ABSENT)), cells)


def _today(today: Counted, terms: Terms, one: Neighbour) -> tuple[Mapping[TableKey, Apart], Mapping[TableKey, Apart]]:
    """Those who are only here and those who are only there; by tables only where a version does not tell it itself."""
    here, there = today.state.history, one.history
    ours: Mapping[TableKey, Apart] = {}
    if any(one.study not in version.apart for release in here for version in release.tables):
        ours = {key: _only_here(today, key, column, one) for key, column in today.columns.items()}
    if all(terms.study.id in version.apart for release in there for version in release.tables):
        return ours, {}
    return ours, _only_there(today, one)


def _only_there(today: Counted, one: Neighbour) -> Mapping[TableKey, Apart]:
    """Of a study whose answers are not known any more: that nobody is, where it is so, else nothing."""
    members = today.state.roster[today.columns[POPULATION] != ABSENT]
    # A key that ends in zero bytes loses them as an object of Python.
    size = one.today.dtype.itemsize
    only = [patient.ljust(size, b"\0") for patient in one.today[~np.isin(one.today, members)].tolist()]
    if not only:
        return {version.key: Apart(0, {}) for release in one.history for version in release.tables}
    found = {}
    for key, answers in one.answers.items():
        if TABLES[key.table].kind is not Kind.MAGNITUDE:
            theirs = [answers[patient] for patient in only if patient in answers]
            found[key] = Apart(len(theirs), Counter(cell for cells in theirs for cell in cells))
    return found
