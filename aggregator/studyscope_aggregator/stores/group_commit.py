"""One thread that writes: it takes whatever waits and commits it together, so that one fsync serves many reports."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from studyscope_aggregator.store import StoreUnavailable

BATCH = 128
"""Writes of one commit at most."""

Write = TypeVar("Write")
Job = tuple[Write, "Future[None]"]


class GroupCommit(Generic[Write]):
    """Calls `commit` with writes and their futures, in order, from one thread of its own; `commit` settles the futures."""

    def __init__(self, name: str, commit: Callable[[Sequence[Job[Write]]], None]) -> None:
        self._name, self._commit = name, commit
        self._jobs: queue.SimpleQueue[Job[Write] | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._write_until_closed, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> Future[None]:
        """Raises StoreUnavailable after `close`."""
        future: Future[None] = Future()
        with self._gate:
            if self._closed:
                raise StoreUnavailable(f"{self._name}: the store is closed")
            self._jobs.put((write, future))
        return future

    def close(self) -> bool:
        """Finishes what waits; False when it was closed before."""
        with self._gate:
            if self._closed:
                return False
            self._closed = True
            self._jobs.put(None)
        self._thread.join()
        return True

    def _write_until_closed(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            last = False
            while len(batch) < BATCH and not self._jobs.empty():
                more = self._jobs.get()
                if more is None:
                    last = True
                    break
                batch.append(more)
            # From here on a caller that goes away cannot cancel; one that went before costs no write.
            waiting = [one for one in batch if one[1].set_running_or_notify_cancel()]
            if waiting:
                self._commit(waiting)
            if last:
                return


def settle(batch: Sequence[Job[Write]], failed: dict[int, Exception]) -> None:
    """Tells every caller what became of its write; `failed` by position."""
    for position, (_, future) in enumerate(batch):
        if position in failed:
            future.set_exception(failed[position])
        else:
            future.set_result(None)
