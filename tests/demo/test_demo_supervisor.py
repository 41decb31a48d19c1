"""The supervisor stops what it started and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studyscope_demo.supervisor import ProcessDied, Started, Supervisor, birth, memory_bytes, remembered, stop_remembered

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
DEAF = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"]


def _wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in (path.read_text() if path.exists() else "") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert text in path.read_text()


def test_what_was_started_runs_in_its_own_group_and_is_stopped(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    started = supervisor.start("sleeper", SLEEP)
    _wait_for(supervisor.log("sleeper"), "up")
    assert started.alive
    assert os.getpgid(started.pid) == started.pid != os.getpgid(0)
    assert memory_bytes([started]) > 1_000_000
    supervisor.stop()
    assert not started.alive
    assert remembered(tmp_path) == ()


def test_a_child_of_a_program_is_stopped_with_it(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    code = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print('child', p.pid, flush=True); time.sleep(60)"
    )
    supervisor.start("parent", [sys.executable, "-c", code])
    _wait_for(supervisor.log("parent"), "child")
    child = int(supervisor.log("parent").read_text().split()[1])
    assert birth(child) is not None
    supervisor.stop()
    deadline = time.monotonic() + 5
    while birth(child) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert birth(child) is None


def test_a_pid_that_belongs_to_somebody_else_by_now_is_not_signalled() -> None:
    with subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL, start_new_session=True) as stranger:
        Started("old", stranger.pid, "another birth").signal_group(signal.SIGKILL)
        time.sleep(0.1)
        assert stranger.poll() is None
        stranger.kill()


def test_a_program_that_ends_by_itself_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    broken = supervisor.start("broken", [sys.executable, "-c", "import sys; sys.exit('no such port')"])
    while broken.alive:
        time.sleep(0.01)
    with pytest.raises(ProcessDied, match="no such port") as died:
        supervisor.check()
    assert died.value.name == "broken"
    supervisor.stop()


def test_the_remains_of_a_demo_that_died_are_found_and_stopped(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    started = supervisor.start("orphan", SLEEP)
    assert [process.name for process in remembered(tmp_path)] == ["orphan"]
    assert stop_remembered(tmp_path) == 1
    assert not started.alive
    assert stop_remembered(tmp_path) == 0
    supervisor.stop()


def test_one_program_can_be_stopped_alone(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    first, second = supervisor.start("first", SLEEP), supervisor.start("second", SLEEP)
    supervisor.stop("first")
    assert (first.alive, second.alive) == (False, True)
    supervisor.stop()


def test_a_program_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, grace_seconds=0.3)
    deaf = supervisor.start("deaf", DEAF)
    time.sleep(0.3)
    supervisor.stop()
    assert not deaf.alive
