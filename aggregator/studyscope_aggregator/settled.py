"""Brings the end of writes from the store's thread into the event loop: once for all that one commit made durable."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial


class Settled:
    """Waits for writes of a store; belongs to one event loop."""

    def __init__(self) -> None:
        self._news: deque[tuple[asyncio.Future[None], BaseException | None]] = deque()
        self._told = False

    async def wait(self, written: Future[None]) -> None:
        """Returns when `written` is done, raises what it failed with. A caller that goes away does not cancel the write."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        written.add_done_callback(partial(self._arrived, loop, waiter))
        await waiter

    def _arrived(self, loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None], written: Future[None]) -> None:
        """In the store's thread. Waking the loop costs more than all else here, so it is woken by the first alone."""
        self._news.append((waiter, written.exception()))
        if not self._told:
            self._told = True
            loop.call_soon_threadsafe(self._hand_on)

    def _hand_on(self) -> None:
        self._told = False  # first: what arrives from now on wakes the loop again
        while self._news:
            waiter, problem = self._news.popleft()
            if waiter.done():
                continue
            if problem is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(problem)
