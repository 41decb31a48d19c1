"""The buffer of what waits for a reader: large pages are quick by it (docs/sizing.md)."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import uvicorn

from aggregator_cast import Centre, StandingClock
from studyscope_aggregator.app import create_app
from studyscope_aggregator.serving import SEND_BUFFER, TellingServer
from studyscope_aggregator.stores.memory import MemoryStore


def test_a_reader_is_sent_pieces_that_stay_in_the_processors_cache(tmp_path: Path) -> None:
    app = create_app(Centre(tmp_path).settings(), MemoryStore(), StandingClock())
    server = TellingServer(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1), "")

    async def listened() -> int:
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0)
        (listening,) = server.servers[0].sockets
        found = listening.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        server.should_exit = True
        await running
        return found

    assert asyncio.run(listened()) == 2 * SEND_BUFFER  # the kernel doubles it for its own book-keeping
