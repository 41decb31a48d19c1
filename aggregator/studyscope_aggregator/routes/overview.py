"""The centre's own pages: the consortium at a glance and each site, without script and without anything from elsewhere."""

from __future__ import annotations

import asyncio
from types import MappingProxyType

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from studyscope_aggregator.forecast.forecast_task import Forecasts
from studyscope_aggregator.overview import site_row, study_views
from studyscope_aggregator.progress_chart import progress_chart
from studyscope_aggregator.release_number import release_number
from studyscope_aggregator.routes.people import Reading, people_router
from studyscope_aggregator.site_page import arrivals, site_view
from studyscope_aggregator.wiring import Wired

_HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
)
ROLE_WORDS = MappingProxyType({"coordinator": "coordinator", "lead": "study lead", "site": "site", "public": "public"})


def overview_router(forecasts: Forecasts) -> APIRouter:
    """`/`, `/sites/…`, log-in and the style sheet; reads the templates once."""
    router = APIRouter(include_in_schema=False)
    templates = Environment(
        loader=PackageLoader("studyscope_aggregator"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(release=release_number(), role_words=ROLE_WORDS)
    style = templates.get_template("overview.css").render()
    router.include_router(people_router(templates.get_template("problem.html"), _HEADERS))

    def page(name: str, status: int = 200, **values: object) -> Response:
        return HTMLResponse(templates.get_template(name).render(**values), status, headers=dict(_HEADERS))

    @router.get("/", response_class=HTMLResponse)
    async def overview(wired: Wired, reader: Reading, renew: str = "") -> Response:
        now = wired.clock.now()
        views = study_views(wired.consortium, wired.exposition.totals(now), forecasts.curves, now, reader.sees)
        mine = [view for view in views if view.id in reader.scope.studies]
        all_rows = reader.scope.role == "coordinator"
        elsewhere = {reason: found.count for reason, found in wired.consortium.refusals_elsewhere().items() if all_rows}
        own_only = reader.scope.role == "site"
        return page(
            "overview.html",
            studies=mine,
            now=now,
            elsewhere=elsewhere,
            reader=reader,
            own_only=own_only,
            # Only where somebody asked for it: a page that renews itself takes a screen reader back to its beginning.
            on_a_wall=renew == "1",
        )

    @router.get("/sites/{study}/{site}", response_class=HTMLResponse)
    async def one_site(study: str, site: str, wired: Wired, reader: Reading) -> Response:
        now = wired.clock.now()
        member = next((m for m in wired.consortium.members(now) if (m.study.id, m.site.id) == (study, site)), None)
        # The same words whether there is no such site or it is not theirs to see.
        if member is None or not reader.sees(study, site):
            return page(
                "problem.html", 404, words=f"There is no site {site} in study {study}, or it is not yours to see.", reader=reader
            )
        sent = await asyncio.to_thread(arrivals, wired.store, wired.consortium.retractions, study, site)
        return page(
            "site.html",
            now=now,
            reader=reader,
            own=reader.scope.role == "site",
            study=member.study,
            row=site_row(member, wired.consortium, now),
            view=site_view(member, wired.consortium, sent, now),
            chart=progress_chart(forecasts.curves.get(study, ()), [member], now),
        )

    @router.get("/overview.css")
    async def style_sheet() -> Response:
        return Response(style, media_type="text/css", headers={"X-Content-Type-Options": "nosniff"})

    return router
