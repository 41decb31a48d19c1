"""Whether the aggregator lives, and whether it can take reports."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from studyscope_aggregator.store import StoreUnavailable
from studyscope_aggregator.wiring import Wired

router = APIRouter()


@router.get("/healthz", response_class=PlainTextResponse)
async def alive() -> str:
    """The process answers."""
    return "ok\n"


@router.get(
    "/readyz",
    response_class=PlainTextResponse,
    responses={503: {"description": "No report can be stored now.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def ready(wired: Wired) -> PlainTextResponse:
    """The registry is loaded and the store can be written."""
    try:
        await asyncio.to_thread(wired.store.ready)
    except StoreUnavailable as problem:
        wired.metrics.store_up.set(0)
        return PlainTextResponse(f"not ready: {problem}\n", 503)
    wired.metrics.store_up.set(1)
    return PlainTextResponse("ready\n")
