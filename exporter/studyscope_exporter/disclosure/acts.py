"""What people do with a domain beside approving: who withdraws, what stands still, to whom it speaks."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace

from studyscope_exporter.disclosure.contributions import POPULATION, Contributions
from studyscope_exporter.disclosure.decision import Decision, after, decided
from studyscope_exporter.disclosure.domain_folder import DomainFolder, in_turn
from studyscope_exporter.disclosure.recipient import Recipient, last_recipient
from studyscope_exporter.disclosure.state import State
from studyscope_exporter.disclosure.withdrawal import Withdrawal, sealed_mark, withdrawn, without_these


class Acts(DomainFolder):
    """Each leaves a line in the ledger."""

    @in_turn
    def withdraw(self, *patients: bytes, day: dt.date | None = None) -> tuple[Withdrawal, ...]:
        """Erases patients (keys of 16 bytes) from the state at once and for good; published numbers stay until they move.

        Repeating it changes nothing. `day` is for the ledger's line, which says nothing of who it was.
        """
        state, done, acts = self._state_or_refuse("changed"), list[Withdrawal](), list[Mapping[str, object]]()
        when = {} if day is None else {"day": day.isoformat()}
        for patient in patients:
            mark = self._mark(patient)
            state, one = withdrawn(state, patient, mark, self._terms)
            done.append(one)
            if one.new:
                acts.append({"act": "withdrawal", "mark": sealed_mark(mark, self._state_key)} | when)
        self._commit(state, *acts)
        return tuple(done)

    @in_turn
    def admitted(self, contributions: Contributions) -> Contributions:
        """The contributions without those who withdrew."""
        state = self._load().state
        return contributions if state is None else self._admitted(state, contributions)

    @in_turn
    def withdrew(self, patients: Collection[bytes]) -> frozenset[bytes]:
        """Those of the patients who withdrew."""
        state = self._load().state
        if state is None or not state.withdrawn:
            return frozenset()
        return frozenset(patient for patient in patients if self._mark(patient) in state.withdrawn)

    @in_turn
    def decide(self, decision: Decision, day: dt.date, because: str = "") -> None:
        """Pauses, resumes or freezes the domain, or takes the site out of the study; raises DomainProblem.

        Reports say so from the next grid point on.
        """
        act = {"act": "decision", "decision": decision.value, "day": day.isoformat()} | ({"because": because} if because else {})
        frozen = self._frozen()
        if frozen is None:
            self._commit(decided(self._state(), decision), act)
            return
        after("frozen", decision)
        frozen.withdraw_site(act)
        self._loaded = None

    @in_turn
    def overtaken(self, sequence: int, day: dt.date) -> None:
        """Nothing is released here any more until a recovery: the centre holds report `sequence`, which was not made here."""
        act = {"act": "overtaken", "sequence_at_centre": sequence, "day": day.isoformat()}
        frozen = self._frozen()
        if frozen is None:
            self._commit(replace(self._state(), overtaken=True), act)
            return
        frozen.note(act)
        self._loaded = None

    @in_turn
    def addressed(self, recipient: Recipient, day: dt.date) -> None:
        """A line that says who gets what leaves from now on, where that is another one than before."""
        if last_recipient(self._load().ledger) != recipient:
            self._note(recipient.as_act() | {"day": day.isoformat()})

    @in_turn
    def noted(self, act: Mapping[str, object], day: dt.date) -> None:
        """A line about something beside reports that leaves, or that was answered."""
        self._note({**act, "day": day.isoformat()})

    @in_turn
    def moving(self, day: dt.date) -> None:
        """A line that says that the site moves to another machine."""
        self._note({"act": "moved", "day": day.isoformat()})

    def _admitted(self, state: State, contributions: Contributions) -> Contributions:
        everybody = contributions.tables.get(POPULATION, {}) if state.withdrawn else ()
        return without_these(contributions, {patient for patient in everybody if self._mark(patient) in state.withdrawn})

    def _mark(self, patient: bytes) -> bytes:
        """A keyed name under which a withdrawn patient is recognised and nothing else."""
        return hashlib.blake2b(patient, digest_size=16, key=self._state_key, person=b"withdrawn").digest()
