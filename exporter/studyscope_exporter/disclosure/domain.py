"""A domain: one study at one site, and the only door through which its numbers leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from studyscope_contract.key_change import KeyChange
from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import ProtectedTable, Report, SignedReport, SiteFacts
from studyscope_contract.study import Study
from studyscope_exporter.disclosure.acts import Acts
from studyscope_exporter.disclosure.approval import Approver, listed_approver
from studyscope_exporter.disclosure.asking import asked_by
from studyscope_exporter.disclosure.audit import Audit
from studyscope_exporter.disclosure.census import Roster, roster_of
from studyscope_exporter.disclosure.contributions import POPULATION, Contributions, check
from studyscope_exporter.disclosure.domain_folder import in_turn
from studyscope_exporter.disclosure.errors import ApprovalProblem, DisclosureError, OlderGridPoint
from studyscope_exporter.disclosure.files import DiskFiles, Files
from studyscope_exporter.disclosure.history import Release
from studyscope_exporter.disclosure.holding import after_holding, retired_now
from studyscope_exporter.disclosure.ledger import Head, published, written
from studyscope_exporter.disclosure.ledger_keys import former_keys, handing_over, refuse_another_writer
from studyscope_exporter.disclosure.neighbours import overlaps
from studyscope_exporter.disclosure.opening import opened_state
from studyscope_exporter.disclosure.preview import Preview, pending_tables, table_previews
from studyscope_exporter.disclosure.randomness import SecretRandom
from studyscope_exporter.disclosure.recovery import Recovered, recovered, recovery_act
from studyscope_exporter.disclosure.reporting import release_act, signed_report
from studyscope_exporter.disclosure.signatures import Signatures
from studyscope_exporter.disclosure.signing import people_known, tables_approved
from studyscope_exporter.disclosure.state import State, compact
from studyscope_exporter.disclosure.status import UNSIGNED, DomainStatus, status_of
from studyscope_exporter.disclosure.stepping import Step, step
from studyscope_exporter.disclosure.store import Lock, Store
from studyscope_exporter.disclosure.terms import Terms
from studyscope_exporter.disclosure.withdrawal import marks_in
from studyscope_exporter.disclosure.witness import WitnessAudit

__all__ = ["DisclosureError", "Domain", "DomainStatus"]


class Domain(Signatures, Acts):
    """Open with `Domain.open`, close with `close` or as a context manager.

    Several processes may have it open: the service, and people who look or approve; they take turns.
    Everything it decides is on disk before it is told: a release is a function of what is on disk,
    so a crash, a repetition or a preview never draws a secret twice.
    """

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

    @in_turn
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

    @in_turn
    def signing_keys(self) -> tuple[VerifyingKey, ...]:
        """The site's key, and those before it that the ledger tells of."""
        return (self._key.public, *former_keys(self._load().ledger))

    @in_turn
    def _begin(self, release: str) -> None:
        loaded = self._load()
        if loaded.frozen is not None:
            return
        state, opened = opened_state(loaded.state, self._terms, self._random, release)
        state, people = people_known(state, self._approvers)
        self._commit(state, *(act for act in (opened, *people) if act is not None))

    @in_turn
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
        act = release_act(signed, self._shown_last(state), done.verdict, done.state, self._terms, state.report)
        following, lapsed = asked_by(compact(done.state), grid_point, self._terms)
        retired = retired_now(state, following)
        sequence, raw = signed.report.sequence, signed.to_bytes()
        self._commit(replace(following, sequence=sequence, grid_point=grid_point, report=raw), act, *lapsed, *retired)
        return signed

    def _shown_last(self, state: State) -> Sequence[ProtectedTable]:
        """The tables that left last, whatever the terms were then: by the last report, without one by the ledger."""
        if state.report is not None:
            return SignedReport.from_bytes(state.report).report.tables
        return [ProtectedTable.model_validate(dict(table)) for table in published(self._load().ledger).tables.values()]

    @in_turn
    def last_report(self) -> SignedReport | None:
        """The newest report that was released here; None before the first, and after a recovery until the next."""
        loaded = self._load()
        lost = None if loaded.frozen is None else self._store.frozen_report()
        raw = lost if loaded.state is None else loaded.state.report
        return None if raw is None else SignedReport.from_bytes(raw)

    @in_turn
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
            overlaps=() if contributions is None else overlaps(roster_of(contributions.tables[POPULATION]), contributions.beside),
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

    @in_turn
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

    @in_turn
    def members(self) -> Roster:
        """Keys of the patients whom the newest count holds, published or waiting; none where the state is lost. Secret."""
        state = self._load().state
        return roster_of(()) if state is None else state.members()

    @in_turn
    def shown_so_far(self) -> tuple[Release, ...]:
        """Everything that was ever shown, with what was behind it; nothing where the state is lost. Secret."""
        state = self._load().state
        return () if state is None else state.history

    @in_turn
    def status(self) -> DomainStatus:
        """Where the domain stands."""
        return status_of(self._load(), self._terms)


def _already(state: State, grid_point: int) -> SignedReport | None:
    if state.grid_point is None or grid_point > state.grid_point:
        return None
    if grid_point < state.grid_point or state.report is None:
        raise OlderGridPoint(grid_point, state.grid_point)
    return SignedReport.from_bytes(state.report)
