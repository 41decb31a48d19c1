"""Keeps the forecasts of all studies: a task beside the server, because reading old reports takes a while."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Mapping, Sequence

from studyscope_aggregator.clock import Clock
from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.forecast.accrual import Accrual
from studyscope_aggregator.forecast.curve import Curve
from studyscope_aggregator.forecast.outlook import Outlook, outlook
from studyscope_aggregator.state import Member
from studyscope_aggregator.store import ReportStore, StoreUnavailable

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


class Forecasts:
    """The newest forecast of each study, and the curves of its sites; empty until the first is made."""

    def __init__(self) -> None:
        self.current: Mapping[str, Outlook] = {}
        self.curves: Mapping[str, Sequence[Curve]] = {}


class ForecastTask:
    """Makes forecasts when a report came, the registry changed, or a day began."""

    def __init__(self, consortium: Consortium, store: ReportStore, clock: Clock, forecasts: Forecasts) -> None:
        self._consortium, self._clock, self._forecasts = consortium, clock, forecasts
        self._accrual = Accrual(store)
        self._made: tuple[tuple[int, int], dt.date] | None = None

    async def run(self) -> None:
        """Runs until it is cancelled; a store that is away is asked again."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as problem:
                log.warning("no new forecast: %s", problem)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Makes the forecasts if anything has changed since. Raises StoreUnavailable."""
        now = self._clock.now()
        due = self._consortium.numbers_edition, now.date()
        if due == self._made:
            return
        members, retractions = list(self._consortium.members(now)), len(self._consortium.retractions)
        curves, outlooks = await asyncio.to_thread(self._made_of, members, retractions, now)
        self._forecasts.curves, self._forecasts.current = curves, outlooks
        self._made = due

    def _made_of(
        self, members: Sequence[Member], retractions: int, now: dt.datetime
    ) -> tuple[dict[str, list[Curve]], dict[str, Outlook]]:
        by_study: dict[str, list[Member]] = {}
        for one in members:
            by_study.setdefault(one.study.id, []).append(one)
        curves = {study: self._accrual.curves(sites, retractions) for study, sites in by_study.items()}
        return curves, {study: _outlook(study, sites, curves[study], now) for study, sites in by_study.items()}


def _outlook(study: str, members: Sequence[Member], curves: Sequence[Curve], now: dt.datetime) -> Outlook:
    agreed = {one.site.id: one.site.target(now.date()) for one in members if one.expected}
    targets = {site: target.patients for site, target in agreed.items() if target is not None}
    return outlook(study, curves, targets, now)
