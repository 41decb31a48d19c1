"""Takes one signed report from its bytes to its answer: judged, stored durably, shown."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from studyscope_aggregator.acceptance import Accepted, Duplicate, Known, Received, judge
from studyscope_aggregator.canonical_report import CanonicalReport, facts_in, policy_in
from studyscope_aggregator.clock import Clock
from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.content_rules import StudyRules
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.refusal import ELSEWHERE, Rejected
from studyscope_aggregator.settled import Settled
from studyscope_aggregator.standing import activity_since
from studyscope_aggregator.store import Entry, Last, Receipt, ReportStore, SequenceTaken
from studyscope_aggregator.stored_report import stored_standing
from studyscope_contract.report import ReportProblem

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """A report that the centre holds; `new` is False for one that it held before."""

    receipt: Receipt
    new: bool


class Reception:
    """Judges reports one after the other per site, whatever order their requests came in."""

    def __init__(self, consortium: Consortium, store: ReportStore, clock: Clock, metrics: OwnMetrics) -> None:
        self._consortium, self._store, self._clock, self._metrics = consortium, store, clock, metrics
        self._last: dict[tuple[str, str], Last | None] = {}
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}
        self._settled = Settled()
        self._accepted = metrics.reports.labels("accepted")
        self._judged: dict[tuple[str, str], tuple[str, StudyRules]] = {}

    async def receive(self, raw: bytes) -> Taken | Rejected:
        """The answer to `raw`; raises StoreUnavailable. A report is durable before it is Taken."""
        try:
            received = self._in_order(raw) or Received.of(raw)
        except ReportProblem as problem:
            return await self.refuse(Rejected(problem.reason, str(problem)))
        key = received.study, received.site
        if key not in self._turns and not self._is_registered(*key):
            return await self._received(received, raw)
        async with self._turns.setdefault(key, asyncio.Lock()):
            return await self._received(received, raw)

    def _in_order(self, raw: bytes) -> Received | None:
        """The report where one look shows that there is nothing in it to object to, whatever its place and signature."""
        found = CanonicalReport.of(raw)
        if found is None or not self._is_registered(found.study, found.site):
            return None
        before = self._consortium.standing(found.study, found.site)
        content, judged_by = self._judged.get((found.study, found.site), ("", None))
        if before is not None and judged_by is not None and before.content == found.content == content:
            return Received.in_order(raw, found, (before.policy, before.facts, before.tables), judged_by)
        policy, facts = policy_in(found.policy), facts_in(found.facts)
        rules = self._consortium.rules(found.study, facts.study_version) if facts else None
        if policy is None or facts is None or rules is None:
            return None
        comparable = before is not None and (before.content, before.policy, judged_by) == (content, policy, rules)
        unmoved = before.tables if before is not None and comparable and before.grid_point <= found.grid_point else {}
        tables = rules.in_order(facts, policy, found.tables, found.grid_point, unmoved)
        return None if tables is None else Received.in_order(raw, found, (policy, facts, tables), rules)

    async def refuse(self, rejected: Rejected, study: str = ELSEWHERE, site: str = ELSEWHERE) -> Rejected:
        """Counts a refusal, under the site only if it is registered in the study: any name may be claimed."""
        if not self._is_registered(study, site):
            study = site = ELSEWHERE
        now = self._clock.now()
        await asyncio.wrap_future(self._store.count_refusal(study, site, rejected.reason, now, rejected.message))
        self._consortium.refused(study, site, rejected.reason, now, rejected.message)
        self._metrics.reports.labels(rejected.reason).inc()
        self._metrics.last_refused.set(now.timestamp())
        log.warning("refused study=%s site=%s reason=%s: %s", study, site, rejected.reason, rejected.message)
        return rejected

    async def _received(self, received: Received, raw: bytes) -> Taken | Rejected:
        key = received.study, received.site
        while True:
            now = self._clock.now()
            known = Known(self._last_of(key), lambda sequence: self._store.receipt(*key, sequence))
            rules = self._consortium.rules(received.study, received.facts.study_version)
            if received.report is None and received.in_order_by is not rules:
                received = Received.of(raw)  # the registry changed meanwhile
            verdict = judge(received, self._consortium.registry, rules, known, now)
            if isinstance(verdict, Rejected):
                return await self.refuse(verdict, *key)
            if isinstance(verdict, Duplicate):
                self._metrics.reports.labels("duplicate").inc()
                return Taken(verdict.receipt, new=False)
            if rules is not None:
                self._judged[key] = received.content, rules
            receipt = Receipt(*key, received.sequence, received.grid_point, received.sha256, now)
            try:
                return await self._store_and_show(received, raw, receipt, verdict)
            except SequenceTaken:
                self._catch_up(key)

    async def _store_and_show(self, received: Received, raw: bytes, receipt: Receipt, verdict: Accepted) -> Taken:
        key = received.study, received.site
        before = self._consortium.standing(*key)
        since = activity_since(received.activity, verdict.grid_time, before)
        await self._settled.wait(self._store.append(Entry(receipt, raw, verdict.grid_time, since)))
        self._last[key] = Last(received.sequence, verdict.grid_time)
        self._consortium.take(received.standing(verdict.grid_time, since))
        self._accepted.inc()
        self._metrics.last_accepted.set(receipt.accepted_at.timestamp())
        log.info("accepted study=%s site=%s sequence=%d grid_point=%d", *_words(receipt))
        return Taken(receipt, new=True)

    def _catch_up(self, key: tuple[str, str]) -> None:
        """The store is ahead of what is known here: another replica stored a report, or an answer got lost."""
        self._last.pop(key, None)
        shown = self._consortium.standing(*key)
        for entry in self._store.reports(*key, after=shown.sequence if shown else 0, limit=1000):
            standing = stored_standing(entry)
            if standing is not None:
                self._consortium.take(standing)

    def _last_of(self, key: tuple[str, str]) -> Last | None:
        if key not in self._last and self._is_registered(*key):
            self._last[key] = self._store.last(*key)
        return self._last.get(key)

    def _is_registered(self, study: str, site: str) -> bool:
        registry = self._consortium.registry
        return site in registry.sites and registry.member(study, site) is not None


def _words(receipt: Receipt) -> tuple[str, str, int, int]:
    return receipt.study, receipt.site, receipt.sequence, receipt.grid_point
