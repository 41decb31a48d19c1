"""A hospital's line to the centre: passes bytes on, until somebody cuts it.

While the file CUT exists the line is down: nothing is accepted, what was open is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

_LOOK_SECONDS = 0.05


async def carry(listen: tuple[str, int], target: tuple[str, int], cut: Path) -> None:
    """Listens at `listen` and passes every connection on to `target`; runs until it is cancelled."""
    while True:
        await _while_exists(cut)
        async with await asyncio.start_server(lambda r, w: _pass_on(r, w, target, cut), *listen):
            await _until_exists(cut)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: tuple[str, int], cut: Path) -> None:
    try:
        far_reader, far_writer = await asyncio.open_connection(*target)
    except OSError:
        writer.close()
        return
    both = asyncio.create_task(_both_ways(reader, writer, far_reader, far_writer))
    down = asyncio.create_task(_until_exists(cut))
    await asyncio.wait([both, down], return_when=asyncio.FIRST_COMPLETED)
    for task in (both, down):
        task.cancel()
    for end in (writer, far_writer):
        end.close()


async def _both_ways(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, far_reader: asyncio.StreamReader, far_writer: asyncio.StreamWriter
) -> None:
    await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _while_exists(path: Path) -> None:
    while path.exists():
        await asyncio.sleep(_LOOK_SECONDS)


async def _until_exists(path: Path) -> None:
    while not path.exists():
        await asyncio.sleep(_LOOK_SECONDS)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(carry(_address(sys.argv[1]), _address(sys.argv[2]), Path(sys.argv[3])))
