"""Time as a parameter."""

from __future__ import annotations

import datetime as dt
from typing import Protocol


class Clock(Protocol):
    """Tells the time; never runs backwards by more than a clock is set."""

    def now(self) -> dt.datetime:
        """The moment, aware, in UTC."""


class SystemClock:
    """The time of the machine."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)
