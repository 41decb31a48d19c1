"""The first page: the consortium at a glance, without script and without anything from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from studyscope_aggregator.overview import study_views
from studyscope_aggregator.release_number import release_number
from studyscope_aggregator.wiring import Wired

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def overview_router() -> APIRouter:
    """`/` and its style sheet; reads the templates once."""
    router = APIRouter(include_in_schema=False)
    templates = Environment(
        loader=PackageLoader("studyscope_aggregator"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page, style = templates.get_template("overview.html"), templates.get_template("overview.css").render()

    @router.get("/", response_class=HTMLResponse)
    async def overview(wired: Wired) -> Response:
        now = wired.clock.now()
        views = study_views(wired.consortium, wired.exposition.totals(now), now)
        elsewhere = {reason: found.count for reason, found in wired.consortium.refusals_elsewhere().items()}
        html = page.render(studies=views, now=now, elsewhere=elsewhere, release=release_number())
        return HTMLResponse(html, headers=_HEADERS)

    @router.get("/overview.css")
    async def style_sheet() -> Response:
        return Response(style, media_type="text/css", headers={"X-Content-Type-Options": "nosniff"})

    return router
