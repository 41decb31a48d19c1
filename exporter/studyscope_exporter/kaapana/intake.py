"""What became of the objects that a platform received: taken in, waiting, or refused, by the step that refused them.

Each series that arrives is a run of the platform's own intake workflow; objects that come no further than
its door lie in quarantine, a folder for each door. All of it is for the hospital's own screens.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyscope_exporter.airflow.api import AirflowApi, Version
from studyscope_exporter.airflow.run import identity
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.job_events import BadLine
from studyscope_exporter.local_gauges import LocalGauge, keep_gauges, kept_gauges
from studyscope_exporter.servers.server import Address, Patience, Server, ServerProblem
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable

_TAKEN, _REFUSED, _WAITING = "success", "failed", ("queued", "running")
_STEP = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_OTHER = "other"


@dataclass(frozen=True)
class Intake:
    """The part of a platform that takes objects in; keeps what it said in the last pass, for the local endpoint."""

    name: str  # of the source
    address: Address  # of the platform's Airflow
    api: Version | None
    dag: str
    quarantine: Path | None
    patience: Patience

    def check(self) -> list[Finding]:
        try:
            with Server(self.address, self.patience) as server:
                taken = AirflowApi.found(server, self.api).number_in(self.dag, _TAKEN)
            self._in_quarantine()
        except ServerProblem as problem:
            return [Finding(False, self._words(problem))]
        except SourceUnavailable as problem:
            return [Finding(False, str(problem))]
        return [Finding(True, f"{self.address.url} says what became of what the platform received: {taken} series taken in")]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        progress.total(None)
        try:
            with Server(self.address, self.patience) as server:
                received = received_by(AirflowApi.found(server, self.api), self.dag, inventory, f"{self.name} refused runs")
        except ServerProblem as problem:
            raise SourceUnavailable(self._words(problem), temporary=problem.temporary) from None
        held = self._in_quarantine()
        gauges = received.gauges() + [LocalGauge("objects_in_quarantine", f'door="{door}"', n) for door, n in held.items()]
        keep_gauges(inventory, self._note, gauges)
        refused = {f"refused at {step}": count for step, count in received.refused.items()}
        return ScanResult(unreadable=refused | {f"in quarantine of {door}": count for door, count in held.items()})

    def gauges(self, inventory: Inventory) -> list[LocalGauge]:
        return kept_gauges(inventory, self._note)

    @property
    def _note(self) -> str:
        return f"{self.name} intake"

    def _words(self, problem: ServerProblem) -> str:
        todo = f"; where {self.dag} may not be asked for, set intake_dag to null" if problem.status in (401, 403, 404) else ""
        return f"intake: {problem}{todo}"

    def _in_quarantine(self) -> dict[str, int]:
        if self.quarantine is None:
            return {}
        try:
            return in_quarantine(self.quarantine)
        except OSError as error:
            message = f"quarantine {self.quarantine} cannot be read ({error.strerror}); is the platform's folder mounted here?"
            raise SourceUnavailable(message, temporary=True) from None


@dataclass(frozen=True)
class Received:
    """Series by what became of them, as the platform has them on record now."""

    taken: int
    waiting: int
    refused: dict[str, int]  # by the step of the intake that failed

    def gauges(self) -> list[LocalGauge]:
        by_step = [LocalGauge("series_refused", f'step="{step}"', count) for step, count in sorted(self.refused.items())]
        states = {"refused": sum(self.refused.values()), "taken": self.taken, "waiting": self.waiting}
        return [LocalGauge("series_received", f'state="{state}"', count) for state, count in states.items()] + by_step


def received_by(api: AirflowApi, dag: str, inventory: Inventory, note: str) -> Received:
    """Asks for the tasks of a failed run once. Raises ServerProblem."""
    known: dict[str, str] = json.loads(inventory.note(note) or b"{}")
    steps = {}
    for page in api.runs_in(dag, _REFUSED):
        for said in page:
            try:
                dag_id, run_id = identity(said)
            except BadLine:
                continue
            key = hashlib.blake2b(repr((run_id, said.get("end_date"))).encode(), digest_size=16).hexdigest()
            steps[key] = known.get(key) or _failed_step(api, dag_id, run_id)
    inventory.keep_note(note, json.dumps(steps).encode())
    waiting = sum(api.number_in(dag, state) for state in _WAITING)
    return Received(api.number_in(dag, _TAKEN), waiting, dict(Counter(steps.values())))


def in_quarantine(folder: Path) -> dict[str, int]:
    """Objects by the door that put them there; raises OSError."""
    doors: Counter[str] = Counter()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                doors[_named(entry.name)] += sum(1 for file in Path(entry.path).rglob("*.dcm") if file.is_file())
    return {door: count for door, count in doors.items() if count}


def _failed_step(api: AirflowApi, dag: str, run: str) -> str:
    try:
        tasks: list[Any] = api.tasks(dag, run)
    except ServerProblem as problem:
        if problem.status != 404:
            raise
        return _OTHER  # the run was deleted since it was listed
    failed = [task for task in tasks if isinstance(task, dict) and task.get("state") == "failed"]
    first = min(failed, key=lambda task: str(task.get("end_date") or "9"), default=None)
    return _named(str(first.get("task_id"))) if first else _OTHER


def _named(text: str) -> str:
    """Names of steps and doors come from the platform's programs; what does not look like one is not repeated."""
    return text if _STEP.fullmatch(text) else _OTHER
