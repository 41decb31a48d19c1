"""What Prometheus reads: the published numbers, and the aggregator's own health."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from studyscope_aggregator.families import CONTENT_TYPE
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
    return Response(page.plain, headers=headers)


@router.get("/metrics/self", response_class=Response, responses=_TEXT)
async def own_metrics(wired: Wired) -> Response:
    """The aggregator's own `studyscope_` series."""
    return Response(wired.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})
