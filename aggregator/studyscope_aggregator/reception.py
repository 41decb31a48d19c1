"""Takes one signed report from its bytes to its answer: judged, stored durably, shown."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from dataclasses import dataclass

from studyscope_aggregator.acceptance import Accepted, Duplicate, Known, Received, judge
from studyscope_aggregator.clock import Clock
from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.content_rules import StudyRules
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.refusal import ELSEWHERE, Rejected
from studyscope_aggregator.repeated import Repeatable
from studyscope_aggregator.standing import Standing, activity_since
from studyscope_aggregator.store import Entry, Last, Receipt, ReportStore, SequenceTaken
from studyscope_aggregator.stored_report import stored_standing
from studyscope_contract.report import ReportProblem, SignedReport

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
        self._judged: dict[tuple[str, str], tuple[str, StudyRules | None]] = {}

    async def receive(self, raw: bytes) -> Taken | Rejected:
        """The answer to `raw`; raises StoreUnavailable. A report is durable before it is Taken."""
        try:
            received = self._repeated(raw) or Received.of(raw)
        except ReportProblem as problem:
            return await self.refuse(Rejected(problem.reason, str(problem)))
        key = received.study, received.site
        if key not in self._turns and not self._is_registered(*key):
            return await self._received(received, raw)
        async with self._turns.setdefault(key, asyncio.Lock()):
            return await self._received(received, raw)

    def _repeated(self, raw: bytes) -> Received | None:
        """The report where it says what the site's last one said."""
        found = Repeatable.of(raw)
        before = self._consortium.standing(found.study, found.site) if found else None
        if found is None or before is None or before.content != found.content:
            return None
        return Received.again(raw, found, before)

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
            rules = self._consortium.rules(received.study, received.study_version)
            if received.report is None and self._judged.get(key) != (received.content, rules):
                received = Received.of(raw)
            verdict = judge(received, self._consortium.registry, rules, known, now)
            if isinstance(verdict, Rejected):
                return await self.refuse(verdict, *key)
            if isinstance(verdict, Duplicate):
                self._metrics.reports.labels("duplicate").inc()
                return Taken(verdict.receipt, new=False)
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
        # Shielded: a client that goes away must not cancel a write that the store may be making.
        await asyncio.shield(asyncio.wrap_future(self._store.append(Entry(receipt, raw, verdict.grid_time, since))))
        self._last[key] = Last(received.sequence, verdict.grid_time)
        self._consortium.take(_standing(received, raw, before, since))
        self._metrics.reports.labels("accepted").inc()
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
        known = self._consortium.registry.study(study)
        return known is not None and known.site(site) is not None and site in self._consortium.registry.sites


def _standing(received: Received, raw: bytes, before: Standing | None, since: dt.datetime) -> Standing:
    """What the site shows with this report; `before` may have been taken away while it was stored."""
    if received.report is None and before is not None and before.content == received.content:
        return before.again(received.sequence, received.grid_point, received.activity)
    return Standing.of(received.report or SignedReport.from_bytes(raw).report, since)


def _words(receipt: Receipt) -> tuple[str, str, int, int]:
    return receipt.study, receipt.site, receipt.sequence, receipt.grid_point
