"""Wires the aggregator; nothing else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from studyscope_aggregator.access.guard import AccessGuard, open_guard
from studyscope_aggregator.clock import Clock
from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.enrolment_requests import EnrolmentRequests
from studyscope_aggregator.exposition import Exposition
from studyscope_aggregator.following import follow
from studyscope_aggregator.forecast.forecast_task import Forecasts, ForecastTask
from studyscope_aggregator.history_task import HistoryTask
from studyscope_aggregator.limits import CallLimits
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.reception import Reception
from studyscope_aggregator.registry_watch import RegistryWatch
from studyscope_aggregator.release_number import release_number
from studyscope_aggregator.remote_write import HistoryWriter
from studyscope_aggregator.routes import enrolments, health, own_reports, queries, reports, scrapes, studies
from studyscope_aggregator.routes.mail_links import mail_links_router
from studyscope_aggregator.routes.overview import overview_router
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.store import ReportStore
from studyscope_aggregator.wiring import Wiring


def create_app(settings: CentreSettings, store: ReportStore, clock: Clock) -> FastAPI:
    """The aggregator as an ASGI application; closes `store` when it ends.

    Raises FileProblem, KeyProblem, LinkProblem, StoreUnavailable.
    """
    metrics = OwnMetrics()
    beside = ThreadPoolExecutor(1, "registry")
    consortium = Consortium(RegistryWatch(settings.registry, metrics, clock, beside=beside), store)
    metrics.store_up.set(1)
    forecasts = Forecasts()
    reception = Reception(consortium, store, clock, metrics)
    wiring = Wiring(
        clock,
        metrics,
        store,
        consortium,
        reception,
        Exposition(consortium, metrics, forecasts),
        settings.signing_key(),
        EnrolmentRequests(settings.registry),
        CallLimits(settings.limits),
        open_guard(settings, settings.access, clock) if settings.access else None,
    )

    forecasting = ForecastTask(consortium, store, clock, forecasts)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        try:
            wiring.exposition.page(clock.now())  # the first page takes longest: made before anybody waits for an answer
            following, forecasts_made = _running(follow(store, consortium)), _running(forecasting.run())
            async with _history(settings, wiring), following, forecasts_made, _closed(wiring.access):
                yield
        finally:
            beside.shutdown(cancel_futures=True)
            store.close()

    app = _Straight(
        title="Studyscope aggregator",
        version=release_number(),
        description="Takes signed reports from the sites of a consortium and shows what they publish.",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
    )
    app.state.wiring = wiring
    for part in (enrolments, reports, own_reports, studies, scrapes, health, queries):
        app.include_router(part.router)
    app.include_router(overview_router(forecasts))
    secret = settings.link_secret()
    if secret is not None:
        app.include_router(mail_links_router(secret, settings.registry))
    return app


class _Straight(FastAPI):
    """Answers the one request that comes thousands of times before anything looks for its route.

    The route itself stands in the description of the API, and answers where the application runs under another path.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/api/v1/reports" and scope["method"] == "POST":
            answer = await reports.hand_in(Request(scope, receive), self.state.wiring)
            await answer(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def _closed(access: AccessGuard | None) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if access is not None:
            await access.close()


@asynccontextmanager
async def _history(settings: CentreSettings, wiring: Wiring) -> AsyncIterator[None]:
    """Writes history while the application runs, where the centre file says to."""
    if settings.remote_write is None:
        yield
        return
    writer = HistoryWriter(settings.remote_write, wiring.metrics)
    work = HistoryTask(wiring.consortium, wiring.store, writer, wiring.clock, wiring.metrics, random.Random())
    try:
        async with _running(work.run()):
            yield
    finally:
        await writer.close()
