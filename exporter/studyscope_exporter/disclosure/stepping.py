"""One grid point, from contributions to what is shown: pure, so that a preview is the release itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from studyscope_contract.metric import Kind, TableKey
from studyscope_exporter.disclosure.apart import apart_from, studies_beside
from studyscope_exporter.disclosure.audit import Audit, Verdict
from studyscope_exporter.disclosure.bins import Shown, shown_cells
from studyscope_exporter.disclosure.contributions import POPULATION, Cell, Contributions
from studyscope_exporter.disclosure.gate import Counted, counted_over, freeze, put_off, release_due
from studyscope_exporter.disclosure.history import Days, Release, TableVersion
from studyscope_exporter.disclosure.magnitude import summed_up
from studyscope_exporter.disclosure.randomness import SecretRandom
from studyscope_exporter.disclosure.recounting import recounted
from studyscope_exporter.disclosure.reported import known_beside, reported_today
from studyscope_exporter.disclosure.snapshot import Snapshot
from studyscope_exporter.disclosure.state import Clock, State, TableState
from studyscope_exporter.disclosure.terms import Terms


@dataclass(frozen=True, repr=False)
class Step:
    """What a grid point did. `counted` is None when there was no complete scan."""

    state: State
    moved: frozenset[TableKey]  # tables whose published version moved
    verdict: Verdict | None
    counted: Counted | None


def step(state: State, contributions: Contributions | None, point: int, terms: Terms, audit: Audit, random: SecretRandom) -> Step:
    """Privacy.md 2.1, steps 4 to 9. Without contributions nothing moves."""
    if contributions is None:
        return Step(state, frozenset(), None, None)
    return stepped(counted_over(state, contributions, terms), point, terms, audit, random)


def stepped(counted: Counted, point: int, terms: Terms, audit: Audit, random: SecretRandom) -> Step:
    """As `step`, from what is already counted."""
    done = _protected(counted, point, terms, audit, random)
    following, reported = reported_today(done.state, counted, point, terms)
    return replace(done, state=following, moved=done.moved | reported)


def _protected(counted: Counted, point: int, terms: Terms, audit: Audit, random: SecretRandom) -> Step:
    counted = recounted(counted, terms)
    state, frozen = counted.state, freeze(counted, point, terms)
    released, fresh = release_due(frozen, point, terms)
    approved = terms.approved(released)
    silent = [key for key in approved - terms.reported if not released.table(key).terms]
    # What exact numbers said on the day of an older snapshot is not known any more: it is shown with its next version.
    unveiled = [key for key in silent if released.table(key).snapshot is not None and (key in fresh or not terms.reported)]
    # What waited for approvers longer than for its day was counted on a day that is not known any more.
    days = {key: _days(key, frozen, point) if key in fresh else None for key in unveiled}
    candidate = _release(replace(counted, state=released), point, terms, days)
    if not fresh and not candidate.tables:
        return Step(frozen, frozenset(), None, counted)
    verdict = audit.audit(state.history, candidate, studies_beside(counted, terms)) if candidate.tables else None
    if verdict is not None and not verdict.passed:
        return Step(put_off(frozen, point), frozenset(), verdict, counted)
    return Step(_accepted(released, candidate, fresh, terms, random), frozenset(unveiled), verdict, counted)


def _release(counted: Counted, point: int, terms: Terms, days: Mapping[TableKey, Days | None]) -> Release:
    state, versions = counted.state, []
    for key in sorted(days):
        snapshot = state.table(key).snapshot
        assert snapshot is not None
        exact = snapshot.counts(state.answers)
        shown = dict(_shown(key, snapshot, exact, state, terms))
        if terms.tables[key].kind is Kind.MAGNITUDE:
            exact = {(): summed_up(exact)}
        apart, epoch = apart_from(counted, key, snapshot.column), state.table(key).epoch
        versions.append(TableVersion(key, epoch, terms.codes[key], shown, exact, snapshot.patients, apart, days[key]))
    return Release(point, terms.parameters, tuple(versions), known_beside(state, terms))


def _days(key: TableKey, frozen: State, point: int) -> Days | None:
    """When the version that is due now was counted; None beside a population version that does not know it any more."""
    everybody, own = frozen.waiting, frozen.table(key).waiting
    if everybody is not None and everybody.due <= point:
        return Days(everybody.frozen_at, everybody.frozen_at)
    members = next((one.days for release in reversed(frozen.history) for one in release.tables if one.key == POPULATION), None)
    return None if own is None or members is None else Days(members.members, own.frozen_at)


def _shown(key: TableKey, snapshot: Snapshot, exact: Mapping[Cell, int], state: State, terms: Terms) -> Shown:
    table = state.table(key)
    return shown_cells(
        terms.tables[key],
        terms.codes[key],
        exact,
        patients=snapshot.patients,
        parameters=terms.parameters,
        before=table.shown if table.last_terms == terms.of_table(key) else (),
    )


def _accepted(state: State, candidate: Release, fresh: frozenset[TableKey], terms: Terms, random: SecretRandom) -> State:
    tables = {key: replace(state.table(key), clock=Clock.drawn(terms.policy, random)) for key in sorted(fresh)}
    for version in candidate.tables:
        table = tables.get(version.key, state.table(version.key))
        table = table.under(terms.of_table(version.key), len(state.approvals))
        tables[version.key] = _published(table, version, candidate.grid_point)
    history = (*state.history, candidate) if candidate.tables else state.history
    return replace(state.with_tables(tables), history=history, holds=0, parameters=terms.parameters)


def _published(table: TableState, version: TableVersion, point: int) -> TableState:
    shown = tuple(version.shown.items())
    if not shown:  # nobody sees a version of it
        return replace(table, shown=())
    return replace(table, shown=shown, version=table.version + 1, released=point)
