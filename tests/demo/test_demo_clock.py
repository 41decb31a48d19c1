"""The demo's clock: holds, runs, meets real time, and is never ahead of it."""

from __future__ import annotations

import datetime as dt
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyscope_demo.clock import ClockDriver, ClockFace, DemoClock, waits_until

REAL = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


class Wall:
    """A machine's clock that a test moves."""

    def __init__(self, moment: dt.datetime) -> None:
        self.moment = moment

    def __call__(self) -> dt.datetime:
        return self.moment


def test_a_held_clock_stands_while_real_time_passes(tmp_path: Path) -> None:
    wall = Wall(REAL)
    ClockDriver(tmp_path / "clock", wall).hold(REAL - 100 * DAY)
    clock = DemoClock(tmp_path / "clock", wall=wall)
    wall.moment += DAY
    assert clock.now() == REAL - 100 * DAY


def test_a_day_passes_in_ten_seconds_when_it_runs_at_that_rate(tmp_path: Path) -> None:
    wall = Wall(REAL)
    ClockDriver(tmp_path / "clock", wall).run(REAL - 60 * DAY, 8640)
    wall.moment += dt.timedelta(seconds=10)
    assert DemoClock(tmp_path / "clock", wall=wall).now() == REAL - 59 * DAY


def test_it_meets_real_time_and_goes_on_with_it(tmp_path: Path) -> None:
    wall = Wall(REAL)
    ClockDriver(tmp_path / "clock", wall).run(REAL - 60 * DAY, 8640)
    wall.moment += DAY
    assert DemoClock(tmp_path / "clock", wall=wall).now() == wall.moment


def test_a_moment_in_the_future_cannot_be_held(tmp_path: Path) -> None:
    wall = Wall(REAL)
    ClockDriver(tmp_path / "clock", wall).hold(REAL + DAY)
    assert DemoClock(tmp_path / "clock", wall=wall).now() == REAL


@given(
    behind=st.timedeltas(dt.timedelta(0), 400 * DAY),
    rate=st.sampled_from([0.0, 1.0, 60.0, 8640.0]),
    passed=st.timedeltas(dt.timedelta(0), 30 * DAY),
)
def test_the_clock_is_never_ahead_of_real_time(behind: dt.timedelta, rate: float, passed: dt.timedelta) -> None:
    face = ClockFace(REAL - behind, REAL, rate)
    assert face.at(REAL + passed) <= REAL + passed


@given(behind=st.timedeltas(DAY, 100 * DAY), ahead=st.timedeltas(dt.timedelta(seconds=1), 200 * DAY))
def test_who_waits_as_long_as_the_clock_says_wakes_at_that_moment(behind: dt.timedelta, ahead: dt.timedelta) -> None:
    face = ClockFace(REAL - behind, REAL, 8640.0)
    seconds = face.wait_seconds(REAL - behind + ahead, REAL)
    assert seconds is not None
    reached = face.at(REAL + dt.timedelta(seconds=seconds))
    assert abs(reached - (REAL - behind + ahead)) < dt.timedelta(seconds=1)


def test_a_program_says_until_when_it_waits_and_wakes_when_the_clock_gets_there(tmp_path: Path) -> None:
    driver = ClockDriver(tmp_path / "clock")
    driver.hold(REAL - 100 * DAY)
    clock = DemoClock(tmp_path / "clock", tmp_path / "waiting")
    waiter = threading.Thread(target=clock.sleep_until, args=(REAL - 99 * DAY,))
    waiter.start()
    deadline = time.monotonic() + 5
    while waits_until(tmp_path / "waiting") is None and time.monotonic() < deadline:
        time.sleep(0.002)
    assert waits_until(tmp_path / "waiting") == REAL - 99 * DAY
    assert waiter.is_alive()
    driver.hold(REAL - 99 * DAY)
    waiter.join(5)
    assert not waiter.is_alive()


def test_waking_ends_a_wait_on_a_held_clock(tmp_path: Path) -> None:
    ClockDriver(tmp_path / "clock").hold(REAL - 100 * DAY)
    clock = DemoClock(tmp_path / "clock")
    threading.Timer(0.05, clock.wake).start()
    clock.sleep_until(REAL)
    assert clock.now() == REAL - 100 * DAY


def test_a_program_that_never_waited_has_said_nothing(tmp_path: Path) -> None:
    assert waits_until(tmp_path / "waiting") is None
    with pytest.raises(FileNotFoundError):
        DemoClock(tmp_path / "clock").now()
