"""Prometheus for people and programs outside the centre: `/prometheus/api/v1/…`, each question held to its asker's role."""

from __future__ import annotations

import logging
from typing import Any

import httpx
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from studyscope_aggregator.access.guard import AccessGuard
from studyscope_aggregator.access.held_query import QueryHolder
from studyscope_aggregator.access.identity_tokens import TokenRefused
from studyscope_aggregator.access.prometheus_requests import form_of, question
from studyscope_aggregator.access.query_text import QueryRefused
from studyscope_aggregator.access.role import Grant, scope_of
from studyscope_aggregator.access.role_of_claims import NoRole
from studyscope_aggregator.access.signing_keys import IdentityProviderDown
from studyscope_aggregator.wiring import Wired
from studyscope_contract.yaml_file import FileProblem

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)


def _refused(status: int, kind: str, words: str) -> Response:
    """As Prometheus says it, so that Grafana shows the words."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse({"status": "error", "errorType": kind, "error": words}, status, headers=headers)


@router.api_route("/prometheus/{path:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def ask(path: str, request: Request, wired: Wired) -> Response:
    """Asks Prometheus what the bearer may ask; everything else is refused."""
    if wired.access is None:
        return _refused(
            404, "not_found", "this centre answers no queries: say in the centre file under access where Prometheus is"
        )
    try:
        grant = await wired.access.askers.grant(request.headers)
    except TokenRefused as problem:
        return _refused(401, "unauthorized", str(problem))
    except NoRole as problem:
        return _refused(403, "forbidden", str(problem))
    except (IdentityProviderDown, FileProblem) as problem:
        log.error("nobody can be recognised: %s", problem)
        return _refused(503, "unavailable", "who asks cannot be found out now: look into the centre's log")
    if request.method not in {"GET", "POST"} or not path.startswith("api/v1/"):
        return _refused(403, "forbidden", "only GET and POST of /api/v1/… are open here")
    return await _answer(path.removeprefix("api/v1/"), request, wired.access, grant, wired)


async def _answer(path: str, request: Request, access: AccessGuard, grant: Grant, wired: Wired) -> Response:
    holder = QueryHolder(scope_of(grant, wired.consortium.registry))
    try:
        form = form_of(request.url.query, await request.body(), request.headers.get("content-type", ""))
        asked = question(path, form, holder, unheld=grant.role == "coordinator")
    except QueryRefused as problem:
        log.info("refused to %s (%s): %s", grant.who, grant.role, problem)
        return _refused(400, "bad_data", str(problem))
    try:
        answer = await access.prometheus.ask(asked)
    except httpx.HTTPError as problem:
        log.error("Prometheus does not answer: %s", problem)
        return _refused(502, "unavailable", "Prometheus does not answer")
    return (
        _metadata(answer, holder)
        if path == "metadata"
        else Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))
    )


def _metadata(answer: httpx.Response, holder: QueryHolder) -> Response:
    content: dict[str, Any] = answer.json()
    content["data"] = {name: said for name, said in content.get("data", {}).items() if holder.sees(name)}
    return JSONResponse(content, answer.status_code)
