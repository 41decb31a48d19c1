"""A site gets its own accepted reports back, to rebuild what it lost; nobody else does."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from studyscope_aggregator.routes.answers import Missing
from studyscope_aggregator.store import Entry
from studyscope_aggregator.wiring import Wired, Wiring
from studyscope_contract.site_request import (
    MAX_BYTES,
    REPORTS_MEDIA_TYPE,
    ReportsRequest,
    SignedRequest,
    SiteRequestProblem,
)

router = APIRouter(prefix="/api/v1")

AT_ONCE = 100
"""Reports in one answer; a site asks again after the last of them until none is left."""

_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


@router.post(
    "/reports/own",
    response_class=Response,
    responses={
        200: {
            "content": {REPORTS_MEDIA_TYPE: {"schema": {"type": "string"}}},
            "description": "Accepted reports after the number asked for, oldest first, one a line; empty at the end.",
        },
        400: {"model": Missing, "description": "Not a signed request."},
        403: {"model": Missing, "description": "Not signed by a key of this site, or not fresh."},
    },
    openapi_extra=_BODY,
)
async def own_reports(request: Request, wired: Wired) -> Response:
    """The reports of a site that the centre accepted, for that site alone."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            break
    try:
        asked = SignedRequest.from_bytes(bytes(body))
    except SiteRequestProblem as problem:
        return JSONResponse({"message": f"this is no signed request of a site: {problem}"}, 400)
    refused = _objection(asked, wired, wired.clock.now())
    if refused is not None:
        return JSONResponse({"message": refused}, 403)
    entries = _newest(asked.request, wired) if asked.request.purpose == "newest_report" else _counting(asked.request, wired)
    return Response(b"".join(entry.body + b"\n" for entry in entries), media_type=REPORTS_MEDIA_TYPE)


def _counting(request: ReportsRequest, wired: Wiring) -> list[Entry]:
    return wired.store.reports(request.study, request.site, after=request.after, limit=AT_ONCE)


def _newest(request: ReportsRequest, wired: Wiring) -> list[Entry]:
    """The last report ever accepted, retracted or not; nothing where it was purged."""
    last = wired.store.last(request.study, request.site)
    if last is None or last.sequence <= request.after:
        return []
    entry = wired.store.entry(request.study, request.site, last.sequence)
    return [] if entry is None else [entry]


def _objection(asked: SignedRequest, wired: Wiring, now: dt.datetime) -> str | None:
    """Why the request is not answered; the same words for an unknown site and a wrong key."""
    registered = wired.consortium.registry.sites.get(asked.request.site)
    key = registered.key(asked.key) if registered else None
    if key is None or not asked.is_signed_by(key.verifying):
        return "this is not signed by a registered key of that site: use the site's own key, or ask the coordinator"
    if not key.is_valid(now.date()):
        return f"key {asked.key} is valid from {key.valid_from} until {key.valid_until}: have a new one registered"
    if not asked.request.is_fresh(now):
        return "the request was not made just now: check the clock of the exporter's machine"
    return None
