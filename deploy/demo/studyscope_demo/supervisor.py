"""Starts the demo's programs as real processes, each in a group of its own, and stops those and nothing else.

ProcessDied          a program ended that should run; `name`, `returncode` and the end of its log
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from studyscope_demo.clock import write_atomically

_GRACE_SECONDS = 15.0


class ProcessDied(Exception):
    """A program of the demo ended by itself."""

    def __init__(self, name: str, returncode: int, log: Path) -> None:
        self.name, self.returncode, self.log = name, returncode, log
        super().__init__(f"{name} ended with {returncode}; its log {log} ends with:\n{log_end(log)}")


@dataclass(frozen=True)
class Started:
    """One process as it is remembered: a pid alone can belong to somebody else by now."""

    name: str
    pid: int
    born: str  # as the system tells it; pid and birth together are one process

    @property
    def alive(self) -> bool:
        return birth(self.pid) == self.born

    def signal_one(self, number: signal.Signals) -> None:
        """Signals the process alone, only when the pid is still this process."""
        if self.alive:
            os.kill(self.pid, number)

    def signal_group(self, number: signal.Signals) -> None:
        """Signals the process and its children, only when the pid is still this process."""
        if self.alive:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return


def birth(pid: int) -> str | None:
    """When process `pid` was started, as an opaque text; None when there is none (or only its remains)."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


class Supervisor:
    """The processes of one demo folder, remembered in `processes.json` there."""

    def __init__(self, folder: Path, grace_seconds: float = _GRACE_SECONDS) -> None:
        self._grace = grace_seconds
        self._memory = folder / "processes.json"
        self._logs = folder / "logs"
        self._running: dict[str, tuple[Started, subprocess.Popen[bytes]]] = {}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Started:
        """Starts `command` under `name`; what it writes goes to `logs/<name>.log`."""
        self._logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        started = Started(name, process.pid, birth(process.pid) or "ended at once")
        self._running[name] = (started, process)
        self._remember()
        return started

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """Raises ProcessDied for the first program that ended without being told to."""
        for name, (_, process) in self._running.items():
            returncode = process.poll()
            if returncode is not None:
                raise ProcessDied(name, returncode, self.log(name))

    def stop(self, *names: str) -> None:
        """Stops the named programs, or all of them, the last started first; waits until they are gone."""
        chosen = [name for name in reversed(self._running) if not names or name in names]
        for name in chosen:
            self._running[name][0].signal_group(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        for name in chosen:
            started, process = self._running[name]
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                started.signal_group(signal.SIGKILL)
                process.wait()
            del self._running[name]
        self._remember()

    def processes(self) -> tuple[Started, ...]:
        return tuple(started for started, _ in self._running.values())

    def _remember(self) -> None:
        write_atomically(self._memory, json.dumps([asdict(started) for started in self.processes()], indent=1))


def remembered(folder: Path) -> tuple[Started, ...]:
    """The processes of `folder` that are still alive, whoever started them."""
    try:
        rows = json.loads((folder / "processes.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    return tuple(started for started in (Started(**row) for row in rows) if started.alive)


def stop_remembered(folder: Path) -> int:
    """Stops what a demo that died left behind in `folder`; returns how many processes that were."""
    left = remembered(folder)
    for started in left:
        started.signal_group(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while any(started.alive for started in left) and time.monotonic() < deadline:
        time.sleep(0.05)
    for started in left:
        started.signal_group(signal.SIGKILL)
    return len(left)


def memory_bytes(processes: Sequence[Started]) -> int:
    """Proportional memory (PSS) of the processes; 0 where the system does not tell (only Linux does)."""
    total = 0
    for started in processes:
        try:
            text = Path(f"/proc/{started.pid}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total


def log_end(path: Path, lines: int = 12) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log)"
