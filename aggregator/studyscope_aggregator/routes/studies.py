"""The study file as the sites get it."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from studyscope_aggregator.routes.answers import Missing
from studyscope_aggregator.wiring import Wired

router = APIRouter(prefix="/api/v1")

YAML = "application/yaml"


@router.get(
    "/studies/{study}/signed",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "The signed study file."},
        404: {"model": Missing},
    },
)
async def signed_study_file(study: str, wired: Wired) -> Response:
    """The newest version that the coordinator signed, for `studyscope-exporter study`."""
    signed = wired.consortium.registry.signed.get(study)
    if not signed:
        return JSONResponse({"message": f"this centre offers no signed file of study {study}"}, 404)
    return Response(signed[max(signed)].raw, media_type="application/json")


@router.get(
    "/studies/{study}",
    response_class=Response,
    responses={
        200: {"content": {YAML: {"schema": {"type": "string"}}}, "description": "The study file, byte for byte."},
        304: {"description": "The file is the one that If-None-Match names."},
        404: {"model": Missing},
    },
)
async def study_file(study: str, request: Request, wired: Wired) -> Response:
    """The study file in force."""
    file = wired.consortium.registry.studies.get(study)
    if file is None:
        return JSONResponse({"message": f"this centre has no study {study}"}, 404)
    tag = f'"{hashlib.sha256(file.raw).hexdigest()}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(file.raw, media_type=YAML, headers={"ETag": tag})
