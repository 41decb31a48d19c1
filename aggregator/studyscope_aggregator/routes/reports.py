"""Sites hand in reports and ask where to go on."""

from __future__ import annotations

import logging
import time

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from studyscope_aggregator.reception import Taken
from studyscope_aggregator.refusal import STATUS, Rejected
from studyscope_aggregator.routes.answers import LastAnswer, Missing, RefusalAnswer
from studyscope_aggregator.store import StoreUnavailable
from studyscope_aggregator.wiring import Wired, Wiring
from studyscope_contract.keys import SigningKey
from studyscope_contract.receipt import SignedReceipt
from studyscope_contract.report import MAX_BYTES, MEDIA_TYPE

log = logging.getLogger(__name__)


router = APIRouter(prefix="/api/v1")

_BODY = {"requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}}
_REFUSALS: dict[int | str, dict[str, object]] = {
    status: {
        "model": RefusalAnswer,
        "description": "Refused: " + ", ".join(reason for reason, code in STATUS.items() if code == status),
    }
    for status in sorted(set(STATUS.values()))
}
_UNAVAILABLE: dict[int | str, dict[str, object]] = {
    503: {"model": RefusalAnswer, "description": "The store cannot be written now; send the same bytes again."}
}


@router.post(
    "/reports",
    status_code=201,
    response_model=SignedReceipt,
    responses={200: {"model": SignedReceipt, "description": "Accepted before."}} | _REFUSALS | _UNAVAILABLE,
    openapi_extra=_BODY,
)
async def hand_in(request: Request, wired: Wired) -> Response:
    """Takes one signed report. 201 and 200 are sent only when it is durable."""
    started = time.perf_counter()
    try:
        answer = await _answer(request, wired)
    except StoreUnavailable as problem:
        wired.metrics.store_up.set(0)
        log.error("report not stored: %s", problem)
        words = "the centre cannot store reports now; nothing is lost, the exporter sends it again"
        refusal = RefusalAnswer(reason="store_unavailable", message=words, temporary=True)
        return JSONResponse(refusal.model_dump(), 503, headers={"Retry-After": "60"})
    wired.metrics.store_up.set(1)
    wired.metrics.report_seconds.observe(time.perf_counter() - started)
    if isinstance(answer, Taken):
        return _receipt(answer, wired.key)
    content = RefusalAnswer(reason=answer.reason, message=answer.message, temporary=answer.temporary)
    headers = None if answer.wait_seconds is None else {"Retry-After": str(answer.wait_seconds)}
    return JSONResponse(content.model_dump(), answer.status, headers=headers)


async def _answer(request: Request, wired: Wiring) -> Taken | Rejected:
    if request.headers.get("content-encoding", "identity") != "identity":
        return await wired.reception.refuse(Rejected("encoded", "send the report as it is, without Content-Encoding"))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            return await wired.reception.refuse(Rejected("too_large", f"a report may hold at most {MAX_BYTES} bytes"))
    wait = wired.limits.seconds_to_wait(request.client.host if request.client else "", bytes(body))
    if wait:
        wired.metrics.reports.labels("too_many").inc()
        words = f"more reports than a site can have come in this site's name: wait {wait} s before the next"
        return Rejected("too_many", words, wait_seconds=wait)
    return await wired.reception.receive(bytes(body))


def _receipt(taken: Taken, key: SigningKey | None) -> Response:
    printed = SignedReceipt.printed(**vars(taken.receipt), key=key)
    return Response(printed, 201 if taken.new else 200, media_type="application/json")


@router.get("/sites/{study}/{site}/last", response_model=LastAnswer, responses={404: {"model": Missing}})
async def last_report(study: str, site: str, wired: Wired) -> Response:
    """The newest report of a site that the centre holds."""
    last = wired.store.last(study, site)
    if last is None:
        return JSONResponse({"message": f"no report of site {site} in study {study} was accepted yet"}, 404)
    content = LastAnswer(study=study, site=site, sequence=last.sequence, grid_time=last.grid_time)
    return Response(content.model_dump_json(), media_type="application/json")
