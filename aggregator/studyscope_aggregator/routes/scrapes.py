"""What Prometheus reads: the published numbers, and the aggregator's own health."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from studyscope_aggregator.families import CONTENT_TYPE
from studyscope_aggregator.page_parts import Page
from studyscope_aggregator.wiring import Wired

router = APIRouter()

_TEXT: dict[int | str, dict[str, object]] = {
    200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}, "description": "Prometheus text format."}
}


@router.get("/metrics", response_class=Response, responses=_TEXT)
async def metrics(request: Request, wired: Wired) -> Response:
    """Everything that is published, and nothing of the aggregator itself."""
    page = wired.exposition.page(wired.clock.now())
    headers = {"Content-Type": CONTENT_TYPE, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(page.gzip, headers=headers | {"Content-Encoding": "gzip"})
    return StreamingResponse(_parts(page), headers=headers | {"Content-Length": str(page.size)})


async def _parts(page: Page) -> AsyncIterator[bytes]:
    """As they are: to join them would take longer than to send them."""
    for part in page.parts:
        yield part.plain


@router.get("/metrics/self", response_class=Response, responses=_TEXT)
async def own_metrics(wired: Wired) -> Response:
    """The aggregator's own `studyscope_` series."""
    return Response(wired.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})
