"""Runs the application under uvicorn until a signal ends it."""

from __future__ import annotations

import logging
import sys

import uvicorn
from fastapi import FastAPI

from studyscope_aggregator.settings import Listen

GRACE_SECONDS = 10
"""How long requests that run may take after SIGTERM."""


def serve(app: FastAPI, listen: Listen) -> None:
    """Blocks until SIGTERM or SIGINT; requests that run are finished, then the store is closed."""
    config = uvicorn.Config(
        app,
        host=listen.host,
        port=listen.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run()


def log_to_stderr(*, verbose: bool) -> None:
    """One line an event, with what to look at; accepted reports are shown only when `verbose`."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        stream=sys.stderr,
    )
    logging.getLogger("studyscope_aggregator.reception").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
