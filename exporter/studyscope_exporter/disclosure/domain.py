"""A domain: one study at one site, and the only door through which its numbers leave."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from studyscope_contract.key_change import KeyChange
from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import Report, SignedReport, SiteFacts
from studyscope_contract.study import Study
from studyscope_exporter.disclosure.approval import Approval, Approver, listed_approver
from studyscope_exporter.disclosure.asking import asked_by
from studyscope_exporter.disclosure.audit import Audit
from studyscope_exporter.disclosure.contributions import POPULATION, Contributions, check
from studyscope_exporter.disclosure.decision import Decision, after, decided
from studyscope_exporter.disclosure.errors import ApprovalProblem, DisclosureError, DomainProblem, OlderGridPoint
from studyscope_exporter.disclosure.files import DiskFiles, Files
from studyscope_exporter.disclosure.frozen import FrozenDomain
from studyscope_exporter.disclosure.holding import after_holding, retired_now
from studyscope_exporter.disclosure.ledger import Head, written
from studyscope_exporter.disclosure.ledger_keys import former_keys, handing_over, refuse_another_writer
from studyscope_exporter.disclosure.opening import opened_state
from studyscope_exporter.disclosure.policy_signature import PolicySignature
from studyscope_exporter.disclosure.preview import Preview, pending_tables, table_previews
from studyscope_exporter.disclosure.randomness import SecretRandom
from studyscope_exporter.disclosure.recipient import Recipient, last_recipient
from studyscope_exporter.disclosure.recovery import Recovered, recovered, recovery_act
from studyscope_exporter.disclosure.reporting import release_act, shown_tables, signed_report
from studyscope_exporter.disclosure.signing import people_known, policy_signed, signed_elsewhere, tables_approved
from studyscope_exporter.disclosure.state import State, compact
from studyscope_exporter.disclosure.status import UNSIGNED, DomainStatus, status_of
from studyscope_exporter.disclosure.stepping import Step, step
from studyscope_exporter.disclosure.store import LEDGER, Loaded, Lock, Store
from studyscope_exporter.disclosure.terms import Terms
from studyscope_exporter.disclosure.withdrawal import Withdrawal, marks_in, sealed_mark, withdrawn, without_these
from studyscope_exporter.disclosure.witness import WitnessAudit

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

__all__ = ["DisclosureError", "Domain", "DomainStatus"]


def _in_turn(
    operation: Callable[Concatenate[Domain, Arguments], Result],
) -> Callable[Concatenate[Domain, Arguments], Result]:
    """Alone in the folder, and from what is on disk now: the service, a person and cron take turns."""

    @wraps(operation)
    def alone(domain: Domain, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with domain._lock.held():
            domain._notice_changes()
            return operation(domain, *args, **kwargs)

    return alone


class Domain:
    """Open with `Domain.open`, close with `close` or as a context manager.

    Several processes may have it open: the service, and people who look or approve; they take turns.
    Everything it decides is on disk before it is told: a release is a function of what is on disk,
    so a crash, a repetition or a preview never draws a secret twice.
    """

    def __init__(
        self, folder: Path, lock: Lock, store: Store, terms: Terms, signing_key: SigningKey, approvers: Sequence[Approver],
        random: SecretRandom, audit: Audit, state_key: bytes,
    ) -> None:  # fmt: skip
        self.ledger_path = folder / LEDGER
        self._lock, self._store, self._terms, self._key = lock, store, terms, signing_key
        self._approvers, self._random, self._audit, self._state_key = tuple(approvers), random, audit, state_key
        self._loaded: Loaded | None = None
        self._sealed: bytes | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        site: str,
        study: Study,
        policy: Policy,
        state_key: bytes,
        signing_key: SigningKey,
        approvers: Sequence[Approver],
        release: str,
        random: SecretRandom,
        audit: Audit | None = None,
        files: Files | None = None,
        key_changes: Sequence[KeyChange] = (),
    ) -> Self:
        """The domain in `folder`, which is made where there is none. `state_key` is 32 bytes.

        `key_changes` lead from earlier signing keys of the site to `signing_key`; the ledger says so once.
        Raises DomainInUse, DomainProblem, PolicyLoosened. A domain whose state is lost opens frozen.
        """
        store = Store(files or DiskFiles(folder), key=state_key, domain=f"{site}/{study.id}")
        terms = Terms.of(study, site, policy)
        domain = cls(folder, Lock(folder), store, terms, signing_key, approvers, random, audit or WitnessAudit(), state_key)
        domain._hand_over(key_changes)
        domain._begin(release)
        return domain

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Forgets what was read; the folder itself is only held during an operation."""
        self._loaded = None

    @_in_turn
    def _hand_over(self, changes: Sequence[KeyChange]) -> None:
        self._take_over(changes)

    def _take_over(self, changes: Sequence[KeyChange]) -> None:
        """The line with which the site's new key takes the ledger over from the old one."""
        loaded = self._load()
        act = handing_over(loaded.ledger, self._key.public, changes)
        if act is None:
            return
        lines, _ = written(loaded.head, [act], self._key)
        self._loaded = None
        if loaded.state is None:
            self._store.commit_frozen(self._store.frozen_report(), lines, loaded.head)
        else:
            self._store.commit(loaded.state, lines, loaded.head)

    @_in_turn
    def signing_keys(self) -> tuple[VerifyingKey, ...]:
        """The site's key, and those before it that the ledger tells of."""
        return (self._key.public, *former_keys(self._load().ledger))

    @_in_turn
    def _begin(self, release: str) -> None:
        loaded = self._load()
        if loaded.frozen is not None:
            return
        state, opened = opened_state(loaded.state, self._terms, self._random, release)
        state, people = people_known(state, self._approvers)
        self._commit(state, *(act for act in (opened, *people) if act is not None))

    @_in_turn
    def release(self, contributions: Contributions | None, facts: SiteFacts, grid_point: int) -> SignedReport:
        """The report of `grid_point`, made once: called again it gives the same bytes.

        `contributions` None means that no scan was complete before the cut-off: a heartbeat, nothing
        moves. Grid points may be skipped. Raises OlderGridPoint and ContributionsProblem.
        """
        frozen = self._frozen()
        if frozen is not None:
            report = frozen.release(facts, grid_point)
            self._loaded = None
            return report
        state = self._state()
        again = _already(state, grid_point)
        if again is not None:
            return again
        done, signed = self._stepped(state, contributions, facts, grid_point)
        act = release_act(signed, shown_tables(state, self._terms), done.verdict, done.state, self._terms, state.report)
        following, lapsed = asked_by(compact(done.state), grid_point, self._terms)
        retired = retired_now(state, following)
        sequence, raw = signed.report.sequence, signed.to_bytes()
        self._commit(replace(following, sequence=sequence, grid_point=grid_point, report=raw), act, *lapsed, *retired)
        return signed

    @_in_turn
    def preview(
        self, contributions: Contributions | None, facts: SiteFacts, grid_point: int, *, if_approved: bool = False
    ) -> Preview:
        """What `release` with the same arguments would give; changes nothing. Exact numbers in it are local.

        `if_approved`: as if every approver had signed what waits for them.
        """
        frozen = self._frozen()
        if frozen is not None:
            return Preview(grid_point, frozen.report(facts, grid_point), (), frozen=frozen.reason)
        state = self._state()
        terms = self._terms.if_approved(state) if if_approved else self._terms
        again = _already(state, grid_point)
        done, signed = self._stepped(state, contributions, facts, max(grid_point, state.grid_point or 0), terms)
        if again is not None:
            done = replace(done, state=state, moved=frozenset())
        return Preview(
            grid_point,
            again or signed,
            table_previews(state, done, terms),
            frozen=self._why_stopped(state, terms),
            why_held=done.verdict.why if done.verdict is not None else (),
            passed=None if done.verdict is None else done.verdict.passed,
            pending=pending_tables(state, self._terms),
            releases=done.state.history,
        )

    def _stepped(
        self, state: State, contributions: Contributions | None, facts: SiteFacts, point: int, terms: Terms | None = None
    ) -> tuple[Step, SignedReport]:
        terms = terms or self._terms
        if self._why_stopped(state, terms) is not None:
            contributions = None
        if contributions is not None:
            check(contributions, self._terms.study)
            contributions = self._admitted(state, contributions)
        done = step(state, contributions, point, terms, self._audit, self._random)
        done = replace(done, state=after_holding(done.state, done.counted, point, terms))
        return done, signed_report(done.state, terms, facts, point, self._key)

    def _why_stopped(self, state: State, terms: Terms) -> str | None:
        """Why no number moves whatever comes, None while they may."""
        if state.activity != "active":
            return "by a person's act"
        if not terms.assumed and not terms.signed(state) and terms.approved(state):
            return UNSIGNED
        return None

    def _admitted(self, state: State, contributions: Contributions) -> Contributions:
        everybody = contributions.tables.get(POPULATION, {}) if state.withdrawn else ()
        return without_these(contributions, {patient for patient in everybody if self._mark(patient) in state.withdrawn})

    def _mark(self, patient: bytes) -> bytes:
        """A keyed name under which a withdrawn patient is recognised and nothing else."""
        return hashlib.blake2b(patient, digest_size=16, key=self._state_key, person=b"withdrawn").digest()

    @_in_turn
    def approve(self, tables: Sequence[TableKey], approver_key: SigningKey, day: dt.date, shown: str = "") -> Approval:
        """Lets `tables` out under the policy and codes of today, signed by a listed approver; raises ApprovalProblem.

        `shown` names what the approver was shown (`Preview.shown_hash`); it is part of what is signed.
        """
        state = self._state_or_refuse("approved")
        listed_approver(approver_key, self._approvers)
        state, acts, approval = tables_approved(state, self._terms, tables, approver_key, day, shown)
        self._commit(state, *acts)
        return approval

    @_in_turn
    def accept(self, approval: Approval, policy: PolicySignature) -> bool:
        """As `approve`, with signatures given on another computer; False where they were here before."""
        state, acts = signed_elsewhere(self._state_or_refuse("approved"), self._terms, approval, policy, self._approvers)
        self._commit(state, *acts)
        return bool(acts)

    @_in_turn
    def sign_policy(self, approver_key: SigningKey, day: dt.date) -> bool:
        """Puts the policy in force, signed by a listed approver; False where they had signed it. Raises ApprovalProblem."""
        state = self._state_or_refuse("signed")
        listed_approver(approver_key, self._approvers)
        state, acts = policy_signed(state, self._terms, approver_key, day)
        self._commit(state, *acts)
        return bool(acts)

    @_in_turn
    def policy_signatures(self) -> tuple[PolicySignature, ...]:
        """Every signature under a policy of this domain, oldest first."""
        state = self._load().state
        return () if state is None else state.policies

    @_in_turn
    def approvals(self) -> tuple[Approval, ...]:
        """Every approval of tables of this domain, oldest first."""
        state = self._load().state
        return () if state is None else state.approvals

    @_in_turn
    def pending_approvals(self) -> tuple[TableKey, ...]:
        """Tables that nobody approved yet as they are now, or that need a second approver."""
        loaded = self._load()
        if loaded.state is None or loaded.state.activity == "withdrawn":
            return ()
        return self._terms.waiting(loaded.state)

    @_in_turn
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

    @_in_turn
    def admitted(self, contributions: Contributions) -> Contributions:
        """The contributions without those who withdrew."""
        state = self._load().state
        return contributions if state is None else self._admitted(state, contributions)

    @_in_turn
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

    @_in_turn
    def overtaken(self, sequence: int, day: dt.date) -> None:
        """Nothing is released here any more until a recovery: the centre holds report `sequence`, which was not made here."""
        act = {"act": "overtaken", "sequence_at_centre": sequence, "day": day.isoformat()}
        frozen = self._frozen()
        if frozen is None:
            self._commit(replace(self._state(), overtaken=True), act)
            return
        frozen.note(act)
        self._loaded = None

    @_in_turn
    def addressed(self, recipient: Recipient, day: dt.date) -> None:
        """A line that says who gets what leaves from now on, where that is another one than before."""
        if last_recipient(self._load().ledger) != recipient:
            self._note(recipient.as_act() | {"day": day.isoformat()})

    @_in_turn
    def noted(self, act: Mapping[str, object], day: dt.date) -> None:
        """A line about something beside reports that leaves, or that was answered."""
        self._note({**act, "day": day.isoformat()})

    @_in_turn
    def moving(self, day: dt.date) -> None:
        """A line that says that the site moves to another machine."""
        self._note({"act": "moved", "day": day.isoformat()})

    def _note(self, act: Mapping[str, object]) -> None:
        frozen = self._frozen()
        if frozen is None:
            self._commit(self._state(), act)
            return
        frozen.note(act)
        self._loaded = None

    @_in_turn
    def recover(
        self,
        reports: Sequence[Report],
        least: int,
        keys: tuple[SigningKey, SigningKey],
        day: dt.date,
        key_changes: Sequence[KeyChange] = (),
    ) -> Recovered:
        """Opens a new generation from the site's accepted `reports` (design.md 8), answered for by two approvers.

        `least` is the greatest sequence number that was ever used; `key_changes` are as in `open`.
        Raises RecoveryProblem, ApprovalProblem, PolicyLoosened, DomainProblem.
        """
        self._take_over(key_changes)
        loaded = self._load()
        if len({listed_approver(key, self._approvers).key for key in keys}) < 2:
            raise ApprovalProblem("a recovery needs the keys of two different approvers")
        marks = marks_in(loaded.ledger, self._state_key)
        done = recovered(loaded, reports, least, marks, self._terms, self._random)
        acts: list[Mapping[str, object]] = [*done.acts, recovery_act(done, reports, keys, day, self._terms)]
        state, people = people_known(done.state, self._approvers)
        acts += people
        for key in keys:
            state, signed, _ = tables_approved(state, self._terms, done.shown, key, day)
            acts += signed
        if not done.set_aside:
            refuse_another_writer(loaded.ledger, self._key.public)
        start = Head() if done.set_aside else loaded.head
        lines, _ = written(start, acts, self._key)
        self._loaded = None
        aside = f"ledger-set-aside-{loaded.head.hash[:12]}.jsonl" if done.set_aside else None
        self._store.commit_recovered(state, lines, loaded.head, aside)
        return replace(done, state=state)

    @_in_turn
    def status(self) -> DomainStatus:
        """Where the domain stands."""
        return status_of(self._load(), self._terms)

    def _notice_changes(self) -> None:
        """Forgets what was read when another process has moved the folder since."""
        sealed = self._store.sealed()
        if sealed is None or sealed != self._sealed:
            self._loaded = None
        self._sealed = sealed

    def _load(self) -> Loaded:
        if self._loaded is None:
            self._loaded = self._store.load()
        return self._loaded

    def _frozen(self) -> FrozenDomain | None:
        loaded = self._load()
        if loaded.frozen is None:
            return None
        refuse_another_writer(loaded.ledger, self._key.public)
        return FrozenDomain(self._store, loaded, self._terms, self._key)

    def _state(self) -> State:
        state = self._load().state
        assert state is not None
        return state

    def _state_or_refuse(self, what: str) -> State:
        loaded = self._load()
        if loaded.state is None:
            raise DomainProblem(f"nothing can be {what}: the domain is frozen, {loaded.frozen}; see docs/acts.md, 'frozen'")
        return loaded.state

    def _commit(self, state: State, *acts: Mapping[str, object]) -> None:
        """Keeps the state with the lines of what was done; nothing done is nothing written."""
        if not acts:
            return
        loaded = self._load()
        refuse_another_writer(loaded.ledger, self._key.public)
        lines, head = written(loaded.head, acts, self._key)
        self._loaded = None  # where the commit breaks off, the next call reads what is on disk
        self._store.commit(state, lines, loaded.head)
        self._loaded, self._sealed = Loaded(state, loaded.ledger + lines, head), self._store.sealed()


def _already(state: State, grid_point: int) -> SignedReport | None:
    if state.grid_point is None or grid_point > state.grid_point:
        return None
    if grid_point < state.grid_point or state.report is None:
        raise OlderGridPoint(grid_point, state.grid_point)
    return SignedReport.from_bytes(state.report)
