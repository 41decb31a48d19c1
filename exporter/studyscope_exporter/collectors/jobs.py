"""How inference jobs turn out: each patient's latest job of a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studyscope_contract.catalogue import jobs
from studyscope_contract.metric import Table
from studyscope_exporter.collectors.cells import Contribution, buckets, one_cell
from studyscope_exporter.collectors.cohort import Collector, StudyRecords

if TYPE_CHECKING:
    import pandas as pd


def outcome(records: StudyRecords, workflow: str) -> Contribution:
    latest = records.jobs(workflow)
    return one_cell(latest["patient_key"], latest["outcome"])


def failure_reason(records: StudyRecords, workflow: str) -> Contribution:
    latest = records.jobs(workflow)
    failed = latest[latest["outcome"] == "failed"]
    reasons = ("other" if reason in ("", "none") else reason for reason in failed["failure_reason"])
    return one_cell(failed["patient_key"], reasons)


def duration(records: StudyRecords, workflow: str) -> Contribution:
    latest = records.jobs(workflow)
    done = latest[latest["outcome"] == "succeeded"]
    return _seconds(jobs.JOB_DURATION, done, "started_at", "finished_at")


def queue_wait(records: StudyRecords, workflow: str) -> Contribution:
    return _seconds(jobs.JOB_QUEUE_WAIT, records.jobs(workflow), "queued_at", "started_at")


def _seconds(table: Table, jobs_of_patients: pd.DataFrame, begin: str, end: str) -> Contribution:
    known = jobs_of_patients[jobs_of_patients[begin].notna() & jobs_of_patients[end].notna()]
    seconds = (known[end] - known[begin]).dt.total_seconds()
    # A log whose clocks disagree gives negative times; they say nothing and are left out.
    return buckets(table, known["patient_key"], seconds.where(seconds >= 0))


COLLECTORS: dict[str, Collector] = {
    jobs.JOB_OUTCOME.id: outcome,
    jobs.JOB_FAILURE_REASON.id: failure_reason,
    jobs.JOB_DURATION.id: duration,
    jobs.JOB_QUEUE_WAIT.id: queue_wait,
}
