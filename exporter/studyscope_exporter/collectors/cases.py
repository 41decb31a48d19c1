"""Which records stand behind a number: keys of cases, from the exact records, for the site's own eyes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from studyscope_exporter.collectors.cohort import StudyRecords
from studyscope_exporter.collectors.follow_up import seen_on

Table = Literal["job", "segmentation", "series", "patient"]


@dataclass(frozen=True)
class Case:
    """One case: which kind of record it is, its key, whose it is, and what is the matter with it."""

    table: Table
    key: bytes = field(repr=False)
    patient: bytes = field(repr=False)
    what: str


def failed(records: StudyRecords) -> Iterator[Case]:
    """Patients' latest jobs that failed."""
    for workflow in records.study.workflows:
        jobs = records.jobs(workflow.id)
        for job in jobs[jobs["outcome"] == "failed"].to_dict("records"):
            yield Case("job", job["job_key"], job["patient_key"], f"{workflow.id}: failed, {job['failure_reason']}")


def stuck(records: StudyRecords) -> Iterator[Case]:
    """Patients' latest jobs that run for longer than the study allows."""
    for workflow in records.study.workflows:
        jobs = records.jobs(workflow.id)
        for job in jobs[jobs["outcome"] == "stuck"].to_dict("records"):
            hours = (records.now - job["started_at"]).total_seconds() / 3600
            limit = f"stuck after {workflow.stuck_after_hours} h"
            ran = f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"
            yield Case("job", job["job_key"], job["patient_key"], f"{workflow.id}: running for {ran}; {limit}")


def empty(records: StudyRecords) -> Iterator[Case]:
    """Latest segmentations in which a structure of the study is missing or empty."""
    found = records.structures
    filled = set(zip(found[found["volume_ml"] > 0]["segmentation_key"], found[found["volume_ml"] > 0]["code"], strict=True))
    there = set(zip(found["segmentation_key"], found["code"], strict=True))
    latest = records.segmentations
    for segmentation, patient in zip(latest["segmentation_key"], latest["patient_key"], strict=True):
        for structure in records.study.structures:
            if (segmentation, structure.code) not in filled:
                how = "empty" if (segmentation, structure.code) in there else "missing"
                yield Case("segmentation", segmentation, patient, f"{structure.label} is {how}")


def unsegmented(records: StudyRecords) -> Iterator[Case]:
    """Patients with images of the study and no segmentation of its algorithm."""
    done = set(records.segmentations["patient_key"])
    for first in records.first_images.to_dict("records"):
        if first["patient_key"] not in done:
            day = first["acquired_on"] or "an unknown day"
            yield Case("series", first["series_key"], first["patient_key"], f"imaged on {day}, not segmented")


def missing(records: StudyRecords) -> Iterator[Case]:
    """Patients on the roster who should have images by now and have none of this study."""
    for patient in sorted(records.expected_by_now - records.patients):
        yield Case("patient", patient, patient, "on the roster, no images of this study")


def unexpected(records: StudyRecords) -> Iterator[Case]:
    """Patients with images of the study who are on no roster."""
    if records.roster is None:
        return
    for first in records.first_images.to_dict("records"):
        if first["patient_key"] not in records.roster:
            what = "has images of this study, is not on the roster"
            yield Case("series", first["series_key"], first["patient_key"], what)


def overdue(records: StudyRecords) -> Iterator[Case]:
    """Patients without images of a time point of the protocol whose window has passed."""
    first_series = dict(zip(records.first_images["patient_key"], records.first_images["series_key"], strict=True))
    for point in records.study.time_points:
        for patient, days in records.image_days.items():
            until = days[0] + dt.timedelta(days=point.last_day)
            if seen_on(point, days) is None and until < records.now.date():
                yield Case("series", first_series[patient], patient, f"{point.title}: no images until {until}")


CASES: dict[str, Callable[[StudyRecords], Iterator[Case]]] = {
    "missing": missing,
    "unexpected": unexpected,
    "overdue": overdue,
    "unsegmented": unsegmented,
    "empty": empty,
    "failed": failed,
    "stuck": stuck,
}
