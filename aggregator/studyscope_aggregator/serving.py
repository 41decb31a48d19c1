"""Runs the application under uvicorn until a signal ends it."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys

import uvicorn
from fastapi import FastAPI

from studyscope_aggregator.settings import Listen

GRACE_SECONDS = 10
"""How long requests that run may take after SIGTERM."""

SEND_BUFFER = 128 * 1024
"""Bytes that wait in the kernel for a reader. A page of 28 MB goes out in pieces that are read
soon after they were written; what a buffer that the kernel lets grow costs on a busy machine is in docs/sizing.md."""

TICKS_BETWEEN_SIGNS = 100
"""uvicorn ticks ten times a second."""


def serve(app: FastAPI, listen: Listen) -> None:
    """Blocks until SIGTERM or SIGINT; requests that run are finished, then the store is closed."""
    collect_seldom()
    config = uvicorn.Config(
        app,
        host=listen.host,
        port=listen.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    TellingServer(config, os.environ.get("NOTIFY_SOCKET", "")).run()


def collect_seldom() -> None:
    """Lets the collector of cycles look at less, less often: a report is a tree without cycles, and 1,000 sites are many objects.

    Measured: with the defaults it took 30 % of the time of every report.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class TellingServer(uvicorn.Server):
    """Tells systemd that it is ready and that its event loop turns (sd_notify(3)); nobody, where nobody listens."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = "\0" + address[1:] if address.startswith("@") else address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for one in (each for server in self.servers for each in server.sockets):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # connections have it from the one that listens
        if self.started:
            self._tell("READY=1")

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_BETWEEN_SIGNS == 0:
            self._tell("WATCHDOG=1")
        return await super().on_tick(counter)

    def _tell(self, message: str) -> None:
        if self._address:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.sendto(message.encode(), self._address)


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
