"""Everything that a domain remembers from one grid point to the next; secret, patient-level, local."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters, Policy
from studyscope_contract.report import Activity
from studyscope_exporter.disclosure.approval import Approval
from studyscope_exporter.disclosure.bins import Shown
from studyscope_exporter.disclosure.census import ABSENT, Answer, Roster, places, roster_of
from studyscope_exporter.disclosure.contributions import POPULATION
from studyscope_exporter.disclosure.history import Release
from studyscope_exporter.disclosure.policy_signature import PolicySignature
from studyscope_exporter.disclosure.randomness import SecretRandom
from studyscope_exporter.disclosure.snapshot import Snapshot

NO_EPOCH = 0
SnapshotChange = Callable[[Snapshot], Snapshot]


@dataclass(frozen=True, repr=False)
class Clock:
    """The secret threshold and delay of a table's next version.

    Both are drawn when the version before is committed, so that they are on disk before either is
    used and a release is a function of the state alone.
    """

    threshold: int
    delay_days: int

    @classmethod
    def drawn(cls, policy: Policy, random: SecretRandom) -> Clock:
        m = policy.parameters.m
        return cls(m + random.below(m), random.below(policy.delay_days + 1))


@dataclass(frozen=True, repr=False)
class Waiting:
    """Frozen snapshots whose release is due at a secret later grid point."""

    frozen_at: int
    due: int
    snapshots: Mapping[TableKey, Snapshot]


@dataclass(frozen=True, repr=False)
class TableState:
    """One table: what it was last counted from, what it shows, and what it waits for.

    `epoch` numbers the membership that the snapshot is tabulated over. `terms` names the policy and
    codes under which this snapshot was shown, "" while it never was.
    """

    clock: Clock
    snapshot: Snapshot | None = None
    epoch: int = NO_EPOCH
    waiting: Waiting | None = None
    version: int = 0
    released: int = 0
    shown: Shown = ()
    terms: str = ""
    last_terms: str = ""
    leaving_since: int | None = None  # grid point from which on it shows people who have left
    retired: bool = False
    reopen_over: int = 0  # its gate asks for so many more: the most that a lost version can hold, or who changed by other rules
    counted_by: str = ""  # names the study's rules by which today's answers were counted last
    signed_since: int = 0  # the first of the domain's approvals that counts under `last_terms`
    signed_before: int = 0  # how many there were when it last left: under other terms only later ones count

    def first_approval(self, terms: str) -> int:
        """The first of the domain's approvals that counts for the table under `terms`: none from before it left under others."""
        if not self.version:
            return 0
        return self.signed_since if self.last_terms == terms else self.signed_before

    def under(self, terms: str, approvals: int) -> TableState:
        """As it leaves under `terms`, when so many approvals have been given in the domain."""
        since = self.first_approval(terms)
        return replace(self, terms=terms, last_terms=terms, signed_since=since, signed_before=approvals)


@dataclass(frozen=True)
class Asked:
    """Since which grid point a table waits for approvers, and whether that was too long."""

    since: int
    timed_out: bool = False


@dataclass(frozen=True, repr=False)
class State:
    """A domain. `waiting` is a whole population version whose release is due later."""

    tables: Mapping[TableKey, TableState]
    roster: Roster = field(default_factory=lambda: roster_of(()))
    answers: tuple[Answer, ...] = ()
    waiting: Waiting | None = None
    epoch: int = NO_EPOCH
    generation: int = 0  # how often the membership was lost
    holds: int = 0
    activity: Activity = "active"
    overtaken: bool = False  # the centre holds reports that were not made here
    withdrawn: frozenset[bytes] = frozenset()
    approvals: tuple[Approval, ...] = ()
    policies: tuple[PolicySignature, ...] = ()
    approvers: tuple[tuple[str, str], ...] = ()  # name and key of each, as the ledger last had them
    history: tuple[Release, ...] = ()
    sequence: int = 0
    grid_point: int | None = None
    report: bytes | None = None
    policy: str = ""
    parameters: Parameters | None = None
    every_days: int = 0
    at_hour: int = 0
    delay_days: int = 0
    asked: Mapping[TableKey, Asked] = field(default_factory=dict)
    counts: str = ""  # names what the tables count, by the study in force
    reported: tuple[str, ...] = ()  # tables that the policy in force lets out as exact numbers

    @property
    def published(self) -> bool:
        """Whether any number was ever shown."""
        return bool(self.history) or any(table.version for table in self.tables.values())

    def table(self, key: TableKey) -> TableState:
        return self.tables[key]

    def members(self) -> Roster:
        """Who is in the newest version of the population, published or waiting."""
        newest = self.table(POPULATION).snapshot if self.waiting is None else self.waiting.snapshots[POPULATION]
        return self.roster[:0] if newest is None else self.roster[newest.column != ABSENT]

    def with_tables(self, tables: Mapping[TableKey, TableState]) -> State:
        return replace(self, tables={**self.tables, **tables})

    def snapshots(self) -> list[Snapshot]:
        found = [] if self.waiting is None else list(self.waiting.snapshots.values())
        for table in self.tables.values():
            found.extend([] if table.snapshot is None else [table.snapshot])
            found.extend([] if table.waiting is None else table.waiting.snapshots.values())
        return found


def over(state: State, roster: Roster) -> State:
    """The state with every snapshot over `roster`, which must hold all its patients."""
    if len(roster) == len(state.roster):
        return state
    at = places(state.roster, roster)
    return replace(_each(state, lambda snapshot: snapshot.over(at, len(roster))), roster=roster)


def compact(state: State) -> State:
    """Without patients and answers that no snapshot holds any more."""
    used = np.zeros(len(state.roster), dtype=np.bool_)
    answered = np.zeros(len(state.answers) + 1, dtype=np.bool_)
    for snapshot in state.snapshots():
        used |= snapshot.column != ABSENT
        answered[snapshot.column] = True
    answered[-1] = False
    numbers = np.where(answered, np.cumsum(answered) - 1, ABSENT).astype(np.int32)
    small = _each(state, lambda snapshot: snapshot.only(used).renumbered(numbers))
    answers = tuple(answer for answer, keep in zip(state.answers, answered[:-1], strict=True) if keep)
    return replace(small, roster=state.roster[used], answers=answers)


def without_patient(state: State, patient: bytes, mark: bytes) -> State:
    """The patient's rows erased at once from every snapshot, and a mark that keeps them out (privacy.md 2.3)."""
    index = int(np.searchsorted(state.roster, np.bytes_(patient)))
    known = index < len(state.roster) and state.roster[index] == np.bytes_(patient)
    erased = _each(state, lambda snapshot: snapshot.without(index, state.answers)) if known else state
    return compact(replace(erased, withdrawn=state.withdrawn | {mark}))


def _each(state: State, change: SnapshotChange) -> State:
    def waiting(before: Waiting | None) -> Waiting | None:
        if before is None:
            return None
        return replace(before, snapshots={key: change(snapshot) for key, snapshot in before.snapshots.items()})

    tables = {
        key: replace(table, snapshot=None if table.snapshot is None else change(table.snapshot), waiting=waiting(table.waiting))
        for key, table in state.tables.items()
    }
    return replace(state, tables=tables, waiting=waiting(state.waiting))
