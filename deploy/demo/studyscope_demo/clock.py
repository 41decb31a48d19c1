"""The demo's time: one small file that every process of the demo reads, and only the driver writes.

During the catch-up the clock holds at a moment until every hospital waits for a later one; so 120
days pass as fast as the machine allows, and each program still sees one moment after the other.
Afterwards it runs at a rate until it meets real time, and is real time from then on.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Wall = Callable[[], dt.datetime]

_SHORT, _LONG = 0.002, 0.02


def system_time() -> dt.datetime:
    """The time of the machine, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class ClockFace:
    """What the clock file says: at wall time `wall` it was `moment`, and it runs `rate` seconds a second.

    A rate of 0 holds the clock at `moment`.
    """

    moment: dt.datetime
    wall: dt.datetime
    rate: float

    def at(self, wall: dt.datetime) -> dt.datetime:
        """The demo's time at the machine's time `wall`; never later than that."""
        return min(self.moment + (wall - self.wall) * self.rate, wall)

    def wait_seconds(self, moment: dt.datetime, wall: dt.datetime) -> float | None:
        """Real seconds until the demo's time is `moment`; None while the clock holds."""
        now = self.at(wall)
        if now >= moment:
            return 0.0
        if self.rate == 0:
            return None
        meets = self._meets_real_time()
        if moment >= meets:
            return (moment - wall).total_seconds()
        return (moment - now).total_seconds() / self.rate

    def _meets_real_time(self) -> dt.datetime:
        if self.rate <= 1:
            return dt.datetime.max.replace(tzinfo=dt.UTC)
        behind = max(self.wall - self.moment, dt.timedelta(0))
        return self.wall + behind / (self.rate - 1)

    def to_text(self) -> str:
        return json.dumps({"moment": self.moment.isoformat(), "wall": self.wall.isoformat(), "rate": self.rate})

    @classmethod
    def parse(cls, text: str) -> ClockFace:
        content = json.loads(text)
        moment, wall = (dt.datetime.fromisoformat(content[key]) for key in ("moment", "wall"))
        return cls(moment, wall, float(content["rate"]))


def write_atomically(path: Path, text: str) -> None:
    """Readers of `path` see the old text or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


class ClockDriver:
    """The one hand that sets the clock."""

    def __init__(self, path: Path, wall: Wall = system_time) -> None:
        self._path, self._wall = path, wall

    def hold(self, moment: dt.datetime) -> None:
        """Stops the clock at `moment`; a moment after real time becomes real time."""
        wall = self._wall()
        self._set(ClockFace(min(moment, wall), wall, 0.0))

    def run(self, moment: dt.datetime, rate: float) -> None:
        """From `moment` on at `rate` until it meets real time."""
        wall = self._wall()
        self._set(ClockFace(min(moment, wall), wall, rate))

    def now(self) -> dt.datetime:
        return ClockFace.parse(self._path.read_text(encoding="utf-8")).at(self._wall())

    def _set(self, face: ClockFace) -> None:
        write_atomically(self._path, face.to_text())


class DemoClock:
    """The clock that a program of the demo is given (`studyscope_exporter.clock.Clock`).

    `waiting_file`: where the program says until when it waits, so that the driver knows when the
    catch-up can go on; None for programs that nobody waits for.
    """

    def __init__(self, path: Path, waiting_file: Path | None = None, wall: Wall = system_time) -> None:
        self._path, self._waiting_file, self._wall = path, waiting_file, wall
        self._woken = threading.Event()

    def now(self) -> dt.datetime:
        return self._face().at(self._wall())

    def sleep_until(self, moment: dt.datetime) -> None:
        """Returns at `moment` of the demo's time or, when `wake` was called, earlier."""
        pause, said = _SHORT, False
        while not self._woken.is_set():
            seconds = self._face().wait_seconds(moment, self._wall())
            if seconds is not None and seconds <= 0:
                return
            if not said:
                self._say_waiting(moment)
                said = True
            # Short at first: in the catch-up the next moment comes within milliseconds.
            self._woken.wait(pause if seconds is None else min(seconds, 0.2))
            pause = min(pause * 1.2, _LONG)

    def wake(self) -> None:
        """Ends this and every later wait at once."""
        self._woken.set()

    def _say_waiting(self, moment: dt.datetime) -> None:
        if self._waiting_file is not None:
            write_atomically(self._waiting_file, moment.isoformat())

    def _face(self) -> ClockFace:
        return ClockFace.parse(self._path.read_text(encoding="utf-8"))


def waits_until(waiting_file: Path) -> dt.datetime | None:
    """Until when the program that writes `waiting_file` waits; None before its first wait."""
    try:
        return dt.datetime.fromisoformat(waiting_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
