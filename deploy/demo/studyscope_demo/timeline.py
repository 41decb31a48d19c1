"""The order of events: 120 days run through, 60 days at ten seconds a day, then real time.

Stuck                the hospitals did not get through a day of the catch-up
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from studyscope_demo.clock import ClockDriver, waits_until
from studyscope_demo.folder import DemoFolder
from studyscope_demo.world.hospital_days import HospitalDays

WRITTEN_AT = dt.timedelta(hours=18)
"""When a day's files are in the hospitals' archives; the exporters look two hours later."""
SCANNED_BY = dt.timedelta(hours=20, minutes=30)
DELIVERED_BY = dt.timedelta(hours=29)
"""05:00 of the next day: every hospital's minute after the grid point at 04:00 has passed."""

_LONGEST_DAY_SECONDS = 1200.0
"""On a machine with other work a day of eight hospitals took six minutes; an exporter that ended is noticed at once."""

_POLL_SECONDS, _CHECK_SECONDS = 0.008, 0.3


class Stuck(Exception):
    """Some exporters did not come to rest; `sites` are theirs."""

    def __init__(self, sites: Sequence[str]) -> None:
        self.sites = tuple(sites)
        super().__init__(f"no progress in the exporters of {', '.join(sites)}; see their logs in the demo's folder")


@dataclass(frozen=True)
class Plan:
    """When what happens; days are numbered from the study's first."""

    first_day: dt.date
    caught_up: int = 120
    seconds_per_day: float = 10.0
    silent_from: int = 126
    silent_until: int = 136

    def midnight(self, day: int) -> dt.datetime:
        return dt.datetime.combine(self.first_day + dt.timedelta(days=day), dt.time(), dt.UTC)

    def day(self, moment: dt.datetime) -> int:
        return (moment.date() - self.first_day).days


class CatchUp:
    """Takes all hospitals through one day after the other, as fast as they can."""

    def __init__(
        self, plan: Plan, clock: ClockDriver, days: Sequence[HospitalDays], waiting: Sequence[Path], check: Callable[[], None]
    ) -> None:
        """`check` is called while the exporters work; what it raises ends the catch-up."""
        self._plan, self._clock, self._days, self._waiting, self._check = plan, clock, days, waiting, check
        self._checked = 0.0

    def run(self, between: Callable[[int], None]) -> None:
        """`between` is called after each day with its number."""
        self._write(0)
        for day in range(self._plan.caught_up):
            midnight = self._plan.midnight(day)
            self._clock.hold(midnight + SCANNED_BY)
            self._rest(midnight + SCANNED_BY)
            self._clock.hold(midnight + DELIVERED_BY)
            # The exporters are releasing; they look into the archives again on the next evening.
            if day + 1 < self._plan.caught_up:
                self._write(day + 1)
            self._rest(midnight + DELIVERED_BY)
            between(day)

    def _write(self, day: int) -> None:
        for hospital in self._days:
            hospital.write_day(day)

    def _rest(self, moment: dt.datetime) -> None:
        """Returns when every exporter waits for a later moment."""
        deadline = time.monotonic() + _LONGEST_DAY_SECONDS
        busy = list(self._waiting)
        while busy:
            busy = [path for path in busy if (until := waits_until(path)) is None or until <= moment]
            if busy and time.monotonic() > deadline:
                raise Stuck([path.name for path in busy])
            self._check_now_and_then()
            time.sleep(_POLL_SECONDS)

    def _check_now_and_then(self) -> None:
        """Not at every look: asking after each process costs more than looking at the files."""
        if time.monotonic() - self._checked > _CHECK_SECONDS:
            self._checked = time.monotonic()
            self._check()


class Watch:
    """The days that pass while one looks: each evening the archives get the day's files."""

    def __init__(
        self, plan: Plan, clock: ClockDriver, days: Sequence[HospitalDays], folder: DemoFolder, silent: str | None
    ) -> None:
        self._plan, self._clock, self._days, self._folder, self._silent = plan, clock, days, folder, silent
        self._next = plan.caught_up

    def begin(self) -> None:
        moment = self._plan.midnight(self._plan.caught_up - 1) + DELIVERED_BY
        self._clock.run(moment, 86400 / self._plan.seconds_per_day)

    def step(self) -> list[str]:
        """Does what is due by now; returns what happened, in words."""
        happened = []
        now = self._clock.now()
        while now >= self._plan.midnight(self._next) + WRITTEN_AT:
            happened += self._cut_or_mend(self._next)
            before = sum(hospital.written.patients for hospital in self._days)
            for hospital in self._days:
                hospital.write_day(self._next)
            after = sum(hospital.written.patients for hospital in self._days)
            day = self._plan.midnight(self._next).date()
            happened.append(f"{day}  {after - before} new patients, {after} so far")
            self._next += 1
        return happened

    def _cut_or_mend(self, day: int) -> list[str]:
        if self._silent is None:
            return []
        cut = self._folder.lines_cut / self._silent
        date = self._plan.midnight(day).date()
        if day == self._plan.silent_from:
            cut.parent.mkdir(exist_ok=True)
            cut.touch()
            return [f"{date}  the line of {self._silent} to the centre is cut"]
        if day == self._plan.silent_until:
            cut.unlink(missing_ok=True)
            return [f"{date}  the line of {self._silent} is mended; what it could not send waits in its outbox"]
        return []
