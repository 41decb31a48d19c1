"""When a table may move: two clocks over one frozen membership, then a secret delay (privacy.md 2.1 step 4).

The population clock counts who joined or left; when it strikes, every table of the whole population
is frozen over the new membership. Otherwise each table's own clock counts whose answer changed, over
the old membership. What was frozen is released when its delay is over, and never looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from studyscope_contract.metric import Kind, TableKey
from studyscope_exporter.disclosure.census import ABSENT, Column, encoded, moved_to, places
from studyscope_exporter.disclosure.contributions import POPULATION, Contributions
from studyscope_exporter.disclosure.crossing import crossed
from studyscope_exporter.disclosure.magnitude import lopsided_increment
from studyscope_exporter.disclosure.neighbours import Neighbour, too_like
from studyscope_exporter.disclosure.snapshot import Snapshot, changed, joins_and_leaves, kept_from_admission
from studyscope_exporter.disclosure.state import Clock, State, TableState, Waiting, over
from studyscope_exporter.disclosure.terms import Terms


@dataclass(frozen=True, repr=False)
class Counted:
    """A state and today's contributions over one roster, fixed answers already in their place; and other studies here."""

    state: State
    columns: Mapping[TableKey, Column]
    beside: tuple[Neighbour, ...] = ()


def counted_over(state: State, contributions: Contributions, terms: Terms) -> Counted:
    """Puts the contributions beside the state's snapshots."""
    census, answers = encoded(contributions, state.answers)
    roster = np.union1d(state.roster, census.roster)
    state = replace(over(state, roster), answers=answers)
    at = places(census.roster, roster)
    today = {key: moved_to(column, at, len(roster)) for key, column in census.columns.items() if key in terms.tables}
    kept = {key: _kept(key, column, state, terms) for key, column in today.items()}
    two_way, answers = crossed(kept, answers, terms)
    return Counted(replace(state, answers=answers), kept | two_way, contributions.beside)


def _kept(key: TableKey, column: Column, state: State, terms: Terms) -> Column:
    """The column, but with what was fixed at admission as it was then."""
    if not terms.tables[key].fixed_at_admission:
        return column
    codes = set(terms.codes[key])
    allowed = np.array([*(answer <= codes for answer in state.answers), False], dtype=np.bool_)
    return kept_from_admission(state.table(key).snapshot, column, allowed)


def freeze(counted: Counted, point: int, terms: Terms) -> State:
    """The state with snapshots frozen for every clock that strikes at this grid point."""
    state, columns = counted.state, counted.columns
    if state.waiting is not None:
        return state  # the population version that waits carries every table
    population = state.table(POPULATION)
    if _population_strikes(counted, terms):
        alone = not any(len(neighbour.counted) for neighbour in counted.beside)
        first = population.snapshot is None and not population.reopen_over and alone
        due = point if first else _due(point, population.clock, terms)
        return replace(state, waiting=Waiting(point, due, {key: Snapshot(column) for key, column in columns.items()}))
    frozen: dict[TableKey, TableState] = {}
    for key in columns:
        table, snapshot = state.table(key), attribute_snapshot(counted, key, terms)
        if snapshot is None or table.waiting is not None or key in terms.reported:
            continue
        if _strikes(key, table, snapshot.column, state, terms, residues=not terms.whole(key)):
            waiting = Waiting(point, _due(point, table.clock, terms), {key: snapshot, **_reported_beside(counted, terms)})
            frozen[key] = replace(table, waiting=waiting)
    return state.with_tables(frozen)


def _population_strikes(counted: Counted, terms: Terms) -> bool:
    """Whether enough people joined or left, and no other study here counted nearly the same ones last."""
    state, members = counted.state, counted.columns[POPULATION]
    population = state.table(POPULATION)
    if joins_and_leaves(population.snapshot, members) < population.clock.threshold + population.reopen_over:
        return False
    return not too_like(state.roster[members != ABSENT], counted.beside, max(population.clock.threshold, terms.parameters.k))


def _reported_beside(counted: Counted, terms: Terms) -> dict[TableKey, Snapshot]:
    """What the reported tables say of the same patients at the same moment, for the audit."""
    found = {key: attribute_snapshot(counted, key, terms) for key in sorted(terms.reported & counted.columns.keys())}
    return {key: snapshot for key, snapshot in found.items() if snapshot is not None}


def _strikes(key: TableKey, table: TableState, column: Column, state: State, terms: Terms, *, residues: bool) -> bool:
    """Whether enough patients changed; in a sum, also whether none of them is most of the change."""
    if changed(table.snapshot, column, residues=residues) < table.clock.threshold + table.reopen_over:
        return False
    return terms.tables[key].kind is not Kind.MAGNITUDE or not lopsided_increment(table.snapshot, column, state.answers)


def attribute_snapshot(counted: Counted, key: TableKey, terms: Terms) -> Snapshot | None:
    """Today's answers over the old membership; None where the table cannot be told over all of it."""
    population = counted.state.table(POPULATION).snapshot
    if population is None or key == POPULATION:
        return None
    members = population.column != ABSENT
    today = np.where(members, counted.columns[key], ABSENT).astype(np.int32)
    if not terms.whole(key):
        return Snapshot(today)
    table = counted.state.table(key)
    left = members & (counted.columns[POPULATION] == ABSENT)
    if table.snapshot is None:
        return None if population.gone or bool(left.any()) else Snapshot(today)
    if table.epoch != counted.state.epoch:
        return None
    # Who left stays with their old answer until the population version that lets them go.
    return replace(table.snapshot, column=np.where(left, table.snapshot.column, today).astype(np.int32))


def _due(point: int, clock: Clock, terms: Terms) -> int:
    every = terms.policy.grid.every_days
    return point + -(-clock.delay_days // every)


def release_due(state: State, point: int, terms: Terms) -> tuple[State, frozenset[TableKey]]:
    """The state with every snapshot taken over whose delay has passed, and the tables that moved."""
    if state.waiting is not None and state.waiting.due <= point:
        return _population_version(state, state.waiting, terms)
    moved: dict[TableKey, TableState] = {}
    beside: dict[TableKey, Snapshot] = {}
    for key, waiting in _due_together(state, point, terms).items():
        table = state.table(key)
        moved[key] = replace(table, snapshot=waiting.snapshots[key], epoch=state.epoch, waiting=None, terms="", reopen_over=0)
        beside |= {other: snapshot for other, snapshot in waiting.snapshots.items() if other != key}
    known = {key: replace(state.table(key), snapshot=snapshot, epoch=state.epoch) for key, snapshot in beside.items()}
    return state.with_tables(moved | known), frozenset(moved)


def _due_together(state: State, point: int, terms: Terms) -> dict[TableKey, Waiting]:
    """Tables whose delay has passed. Beside exact numbers only those of one day: a release says what these were on that day."""
    due = {key: table.waiting for key, table in state.tables.items() if table.waiting is not None and table.waiting.due <= point}
    first = min((waiting.frozen_at for waiting in due.values()), default=point)
    return {key: waiting for key, waiting in due.items() if waiting.frozen_at == first or not terms.reported}


def _population_version(state: State, waiting: Waiting, terms: Terms) -> tuple[State, frozenset[TableKey]]:
    epoch = state.epoch + 1
    tables = {key: replace(table, waiting=None) for key, table in state.tables.items()}
    moved: set[TableKey] = set()
    for key, snapshot in waiting.snapshots.items():
        if key not in terms.tables:
            continue
        table = tables[key]
        if key in terms.reported:  # it shows what is true each day; this is for the audit
            tables[key] = replace(table, snapshot=snapshot, epoch=epoch)
            continue
        # A table of the whole population changed by everybody who joined or left; one that was out
        # of step for a while, and one of a sub-population, must have its own changes.
        in_step = terms.whole(key) and (table.snapshot is None or table.epoch == state.epoch)
        if in_step or _strikes(key, table, snapshot.column, state, terms, residues=True):
            tables[key] = replace(table, snapshot=snapshot, epoch=epoch, terms="", reopen_over=0)
            moved.add(key)
    return replace(state, tables=tables, waiting=None, epoch=epoch), frozenset(moved)


def put_off(state: State, point: int) -> State:
    """The state with what was due dropped, to be frozen anew at the next grid point, then without delay."""

    def again(table: TableState) -> TableState:
        return replace(table, waiting=None, clock=Clock(table.clock.threshold, 0))

    late = {key: again(table) for key, table in state.tables.items() if table.waiting is not None and table.waiting.due <= point}
    if state.waiting is not None and state.waiting.due <= point:
        late[POPULATION] = again(state.table(POPULATION))
        state = replace(state, waiting=None)
    return replace(state.with_tables(late), holds=state.holds + 1)
