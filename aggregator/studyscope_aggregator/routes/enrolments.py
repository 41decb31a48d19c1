"""Sites ask to have their key accepted, and what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from studyscope_aggregator.enrolment_requests import NotGenuine, RequestRefused, TooManyRequests, UnknownSite
from studyscope_aggregator.routes.answers import RefusalAnswer
from studyscope_aggregator.wiring import Wired
from studyscope_contract.enrolment import MAX_BYTES, EnrolmentAnswer, EnrolmentRequest
from studyscope_contract.names import Slug
from studyscope_contract.statement import Fingerprint

router = APIRouter(prefix="/api/v1")

_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
_REFUSALS: dict[int | str, dict[str, object]] = {
    400: {"model": RefusalAnswer, "description": "Not a request."},
    403: {"model": RefusalAnswer, "description": "Not signed by the key that it names."},
    404: {"model": RefusalAnswer, "description": "No such study here, or it does not name the site."},
    413: {"model": RefusalAnswer, "description": "Larger than any request."},
    429: {"model": RefusalAnswer, "description": "Keys of this site wait already."},
}
_STATUS: dict[type[RequestRefused], tuple[int, str]] = {
    NotGenuine: (403, "bad_signature"),
    UnknownSite: (404, "unknown_site"),
    TooManyRequests: (429, "too_many_requests"),
}


@router.post(
    "/enrolments",
    response_model=EnrolmentAnswer,
    responses=_REFUSALS | {202: {"model": EnrolmentAnswer, "description": "The request waits for a person."}},
    openapi_extra=_BODY,
)
async def ask(request: Request, wired: Wired) -> Response:
    """Takes a signed request; 200 for a key that was decided on, 202 for one that waits."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            return _refused(413, "too_large", f"a request may hold at most {MAX_BYTES} bytes")
    try:
        asked = EnrolmentRequest.model_validate_json(bytes(body))
    except ValidationError:
        return _refused(400, "schema", "this is no enrolment request: use studyscope-exporter enrol")
    try:
        answer = wired.enrolments.take(asked, wired.consortium.registry, wired.clock.now().date())
    except RequestRefused as refused:
        return _refused(*_STATUS[type(refused)], str(refused))
    return JSONResponse(answer.model_dump(mode="json"), 202 if answer.state == "waiting" else 200)


@router.get("/enrolments/{site}/{fingerprint}", response_model=EnrolmentAnswer)
async def how_it_stands(site: Annotated[Slug, Path()], fingerprint: Annotated[Fingerprint, Path()], wired: Wired) -> Response:
    """What became of a key."""
    answer = wired.enrolments.answer(site, fingerprint, wired.consortium.registry, wired.clock.now().date())
    return JSONResponse(answer.model_dump(mode="json"))


def _refused(status: int, reason: str, message: str) -> Response:
    return JSONResponse(RefusalAnswer(reason=reason, message=message, temporary=status == 429).model_dump(), status)
