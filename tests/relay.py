"""Lines between a site and a centre as hospitals have them: a proxy that wants CONNECT, a thin line, one that breaks."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PIECE = 512


@contextmanager
def closing_at_the_end(writer: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    finally:
        writer.close()


@dataclass
class Line:
    """What a line is like, and what went over it.

    `loss` is the chance that a piece of 512 bytes is lost for good: TCP would send it again for a
    while, so here the connection breaks with the chance that a piece is lost three times in a row
    and a piece that is lost fewer times comes later.
    """

    bytes_per_second: float | None = None
    loss: float = 0.0
    seed: int = 1
    port: int = 0
    carried: int = 0
    connections: int = 0
    broken: int = 0
    asked: list[str] = field(default_factory=list)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rng: random.Random) -> None:
        """Moves bytes until one side ends or the line breaks."""
        with suppress(ConnectionError), closing_at_the_end(writer):
            while piece := await reader.read(PIECE):
                tries = 1
                while rng.random() < self.loss:
                    tries += 1
                if tries > 3:
                    self.broken += 1
                    break
                self.carried += len(piece) * tries
                if self.bytes_per_second:
                    await asyncio.sleep(len(piece) * tries / self.bytes_per_second)
                writer.write(piece)
                await writer.drain()


@contextmanager
def relay(line: Line, target_port: int | None = None) -> Iterator[Line]:
    """Serves on a free port of the loopback: to `target_port`, or, without one, as an HTTP proxy that knows CONNECT."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    rng = random.Random(line.seed)

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line.connections += 1
        host, port = "127.0.0.1", target_port
        if port is None:
            asked = (await reader.readuntil(b"\r\n\r\n")).decode()
            line.asked.append(asked.splitlines()[0])
            host, _, number = asked.split()[1].rpartition(":")
            port = int(number)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        there, back = await asyncio.open_connection(host, port)
        await asyncio.gather(line.carry(reader, back, rng), line.carry(there, writer, rng))

    async def serve() -> None:
        async with await asyncio.start_server(one, "127.0.0.1", 0) as server:
            line.port = server.sockets[0].getsockname()[1]
            ready.set()
            await stop.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield line
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
