"""Keeps history written: a task beside the server that looks for due days and writes them site by site."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random

from studyscope_aggregator.clock import Clock
from studyscope_aggregator.consortium import Consortium, SiteKey
from studyscope_aggregator.history import Day, due_days, is_due, retraction_points
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.remote_write import BATCH, HistoryWriter, NotWritten
from studyscope_aggregator.store import HistoryMark, ReportStore, StoreUnavailable
from studyscope_contract.study_site import StudySite

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LONGEST_PAUSE = 300.0
READ_AT_ONCE = 32


class HistoryTask:
    """Writes the history of every registered site; a mark moves in the store only after its samples were taken."""

    def __init__(
        self,
        consortium: Consortium,
        store: ReportStore,
        writer: HistoryWriter,
        clock: Clock,
        metrics: OwnMetrics,
        rng: random.Random,
    ) -> None:
        self._consortium, self._store, self._writer = consortium, store, writer
        self._clock, self._metrics, self._rng = clock, metrics, rng
        self._marked: set[int] = set()
        self._marks: dict[SiteKey, HistoryMark | None] = {}

    async def run(self) -> None:
        """Runs until it is cancelled."""
        failures = 0
        while True:
            pause = LOOK_SECONDS
            try:
                await self.write_due()
                failures = 0
            except (NotWritten, StoreUnavailable) as problem:
                failures += 1
                pause = self._pause(failures)
                log.warning("history not written, next try in %.0f s: %s", pause, problem)
            except Exception:
                failures += 1
                pause = self._pause(failures)
                log.exception("history not written for a reason that nobody foresaw, next try in %.0f s", pause)
            self._metrics.history_up.set(0 if failures else 1)
            await asyncio.sleep(pause)

    def _pause(self, failures: int) -> float:
        return self._rng.uniform(0.5, 1.0) * min(LONGEST_PAUSE, 2.0 ** min(failures, 10))

    async def write_due(self) -> None:
        """Writes everything that is due now. Raises NotWritten, StoreUnavailable."""
        now = self._clock.now()
        due = self._due(now)
        self._metrics.history_behind.set(len(due))
        for site in due:
            while await self._write_some(site, now):
                pass
        await self._mark_retractions(now)
        self._metrics.history_behind.set(0)

    async def _mark_retractions(self, now: dt.datetime) -> None:
        """Says of every retraction that is new which days of history it takes out."""
        for one in self._consortium.retractions:
            if one.in_history or one.number in self._marked:
                continue
            times = self._store.grid_times(one.study, one.site, one.first)
            points = list(retraction_points(one, times, self._mark((one.study, one.site))))
            if points:
                await self._writer.write(points, now)
            await asyncio.wrap_future(self._store.set_in_history(one.number))
            self._marked.add(one.number)

    def _due(self, now: dt.datetime) -> list[tuple[str, StudySite]]:
        due = []
        for one in self._consortium.members(now):
            key = one.study.id, one.site.id
            if one.standing is not None and is_due(one.standing, self._mark(key), now):
                due.append((one.study.id, one.site))
        return due

    async def _write_some(self, named: tuple[str, StudySite], now: dt.datetime) -> bool:
        """Writes the next days of one site, about a batch of them; whether more may be due."""
        study, site = named
        mark = self._mark((study, site.id))
        entries = self._store.reports(study, site.id, mark.sequence - 1 if mark else 0, READ_AT_ONCE)
        days: list[Day] = []
        stopped = False
        for day in due_days(site, entries, mark, now, complete=len(entries) < READ_AT_ONCE):
            days.append(day)
            if sum(len(each.points) for each in days) >= BATCH:
                stopped = True
                break
            await asyncio.sleep(0)  # reading a report costs a millisecond; requests go first
        if not days:
            return False
        await self._writer.write([point for day in days for point in day.points], now)
        await asyncio.wrap_future(self._store.set_history_mark(study, site.id, days[-1].mark))
        self._marks[study, site.id] = days[-1].mark
        self._metrics.history_timestamp.set(now.timestamp())
        return stopped or len(entries) == READ_AT_ONCE

    def _mark(self, key: SiteKey) -> HistoryMark | None:
        if key not in self._marks:
            self._marks[key] = self._store.history_mark(*key)
        return self._marks[key]
