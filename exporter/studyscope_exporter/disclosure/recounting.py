"""When a study file counts by other rules: who changed by that opens no gate (privacy.md 2.3, attack T16).

Whoever writes the study file decides whom a cohort takes in. Were these people part of a batch, a few
well chosen versions would show one small group now inside and now outside of otherwise equal numbers.
So a table that is counted by other rules than before waits until as many people more have changed as its
gate asks. What was waiting then is dropped and frozen anew. Until then it is hidden (its name differs from the one
that it was shown under), and two people have to approve it as it counts now.
"""

from __future__ import annotations

from dataclasses import replace

from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.census import Column
from studyscope_exporter.disclosure.contributions import POPULATION
from studyscope_exporter.disclosure.gate import Counted
from studyscope_exporter.disclosure.snapshot import changed, joins_and_leaves
from studyscope_exporter.disclosure.state import TableState
from studyscope_exporter.disclosure.terms import Terms


def recounted(counted: Counted, terms: Terms) -> Counted:
    """The same, with every table that is counted by other rules since the last time put off by who changed until now."""
    state, columns = counted.state, counted.columns
    others = {key for key in columns if state.table(key).counted_by not in ("", terms.counted_by[key])}
    tables = {key: replace(state.table(key), counted_by=terms.counted_by[key]) for key in columns}
    tables |= {key: _put_off(key, tables[key], columns[key]) for key in others}
    state = state.with_tables(tables)
    if state.waiting is not None and others & state.waiting.snapshots.keys():
        state = replace(state, waiting=None)
    return replace(counted, state=state)


def _put_off(key: TableKey, table: TableState, today: Column) -> TableState:
    until_now = joins_and_leaves(table.snapshot, today) if key == POPULATION else changed(table.snapshot, today, residues=True)
    never_counted = table.snapshot is None and not table.reopen_over
    return replace(table, waiting=None, reopen_over=0 if never_counted else max(table.reopen_over, until_now))
