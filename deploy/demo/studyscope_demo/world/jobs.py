"""Inference jobs of one patient: queued, run, perhaps failed and tried again; one line of the log per event."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Literal

import numpy as np

State = Literal["succeeded", "failed", "cancelled", "running"]

_REASONS = {
    "CUDA out of memory": 4,
    "job exceeded its time limit": 2,
    "input series not found": 3,
    "unsupported slice spacing": 2,
    "connection to storage lost": 2,
    "model raised an exception": 2,
    "exit code 137": 1,
}


@dataclass(frozen=True)
class InferenceWorkflow:
    """A workflow of the demo's study; `minutes` is how long it runs in the middle."""

    id: str
    title: str
    model: str
    version: str
    minutes: float
    share: float


WORKFLOWS = (
    InferenceWorkflow("abdomen-segmentation", "Abdominal segmentation", "abdomen-net", "2.1", 6.0, 1.0),
    InferenceWorkflow("lesion-detection", "Lesion detection", "lesion-finder", "1.0.3", 1.4, 0.6),
)


@dataclass(frozen=True)
class Attempt:
    """One run of a job on day number `day`; seconds within that day."""

    day: int
    queued: float
    started: float
    finished: float | None
    state: State
    reason: str


@dataclass(frozen=True)
class InferenceJob:
    """A piece of work with all its attempts, the last of which counts."""

    job_id: str
    workflow: InferenceWorkflow
    attempts: tuple[Attempt, ...]

    @property
    def succeeded_on(self) -> int | None:
        last = self.attempts[-1]
        return last.day if last.state == "succeeded" else None


def drawn_job(job_id: str, workflow: InferenceWorkflow, day: int, rng: np.random.Generator) -> InferenceJob:
    """The job that begins on `day`: most succeed, some after a retry on another day, a few hang for ever."""
    attempts = []
    for _ in range(3):
        attempts.append(_attempt(day, workflow, rng))
        if attempts[-1].state != "failed" or rng.random() < 0.4:
            break
        day += int(rng.integers(1, 4))
    return InferenceJob(job_id, workflow, tuple(attempts))


def _attempt(day: int, workflow: InferenceWorkflow, rng: np.random.Generator) -> Attempt:
    queued = float(rng.uniform(7 * 3600, 13 * 3600))
    started = queued + min(float(rng.lognormal(4.6, 1.2)), 2 * 3600)
    finished = started + min(workflow.minutes * 60 * float(np.exp(rng.normal(0, 0.45))), 2 * 3600)
    states: tuple[State, ...] = ("succeeded", "failed", "cancelled", "running")
    state: State = states[int(rng.choice(4, p=[0.87, 0.095, 0.02, 0.015]))]
    weights = np.array(list(_REASONS.values()))
    reason = str(rng.choice(list(_REASONS), p=weights / weights.sum())) if state == "failed" else ""
    return Attempt(day, queued, started, None if state == "running" else finished, state, reason)


def log_lines(job: InferenceJob, attempt: Attempt, patient_id: str, midnight: dt.datetime) -> list[str]:
    """The lines that one attempt adds to the log, in the order in which they happen."""
    seconds = (attempt.queued, attempt.started, attempt.finished)
    at = [None if s is None else _text(midnight + dt.timedelta(seconds=s)) for s in seconds]
    identity = {
        "id": job.job_id,
        "workflow": job.workflow.id,
        "model": job.workflow.model,
        "version": job.workflow.version,
        "patient": patient_id,
    }
    lines = [identity | {"state": "running", "queued_at": at[0], "started_at": at[1]}]
    if attempt.finished is not None:
        done = {"state": attempt.state, "queued_at": at[0], "started_at": at[1], "finished_at": at[2]}
        lines.append(identity | done | ({"reason": attempt.reason} if attempt.reason else {}))
    return [json.dumps(line) for line in lines]


def _text(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
