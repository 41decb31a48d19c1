"""Time as a parameter."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits; everything that depends on time is given one."""

    def now(self) -> dt.datetime:
        """The time, aware, in UTC."""

    def sleep_until(self, moment: dt.datetime) -> None:
        """Returns at `moment` or, when `wake` was called, earlier."""

    def wake(self) -> None:
        """Ends this and every later wait at once, so that a program can stop."""


class SystemClock:
    """The clock of the machine."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def sleep_until(self, moment: dt.datetime) -> None:
        while not self._woken.is_set():
            left = (moment - self.now()).total_seconds()
            if left <= 0:
                return
            # In pieces, so that a machine that was asleep notices a moment that has passed.
            self._woken.wait(min(left, 60))

    def wake(self) -> None:
        self._woken.set()
