"""Exact numbers that a study's approved protocol obliges the site to report (privacy.md, Reported numbers).

They have no gate, no threshold and no bins: at each grid point such a table says how many patients it
has today, 0 included. Beside that it keeps a snapshot over the same patients as the protected tables,
which nobody is shown: the audit takes it that an attacker knows those numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.bins import Shown
from studyscope_exporter.disclosure.census import ABSENT, Answer, Column, counted
from studyscope_exporter.disclosure.contributions import POPULATION
from studyscope_exporter.disclosure.gate import Counted
from studyscope_exporter.disclosure.history import Reported
from studyscope_exporter.disclosure.state import State
from studyscope_exporter.disclosure.terms import Terms


def reported_today(state: State, today: Counted, point: int, terms: Terms) -> tuple[State, frozenset[TableKey]]:
    """The state with the exact numbers of `today` in every approved reported table, and the tables that differ from before."""
    moved = {}
    for key in sorted(terms.approved(state) & terms.reported & today.columns.keys()):
        shown = _exact_cells(key, today.columns, today.state.answers, terms)
        table, name = state.table(key), terms.of_table(key)
        if shown is not None and (shown, name) != (table.shown, table.terms):
            table = table.under(name, len(state.approvals))
            moved[key] = replace(table, shown=shown, version=table.version + 1, released=point, reopen_over=0)
    if not moved:
        return state, frozenset()
    return replace(state.with_tables(moved), parameters=terms.parameters), frozenset(moved)


def _exact_cells(key: TableKey, columns: Mapping[TableKey, Column], answers: tuple[Answer, ...], terms: Terms) -> Shown | None:
    """Every cell with its count; None where the list that the table is counted from was not there today."""
    column = columns[key]
    if np.all(column == ABSENT) and np.any(columns[POPULATION] != ABSENT):
        return None
    counts = counted(column, answers)
    return tuple((code, int(counts.get(code, 0))) for code in terms.codes[key])


def known_beside(state: State, terms: Terms) -> Reported:
    """What the reported tables say of the patients over whom the protected tables are tabulated."""
    snapshots = ((key, state.table(key).snapshot) for key in sorted(terms.reported))
    return {key: snapshot.counts(state.answers) for key, snapshot in snapshots if snapshot is not None}
