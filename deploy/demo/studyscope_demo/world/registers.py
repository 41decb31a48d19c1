"""What people write down of the patients: who is expected, clinical variables, and lesions followed over time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np

from studyscope_demo.world.growing_table import GrowingTable, Line
from studyscope_demo.world.patients import Course

GRADES = {"g1": ("grade 1", "low"), "g2": ("grade 2", "intermediate"), "g3": ("grade 3", "high")}
PERFORMANCE = {"ecog-0": ("0",), "ecog-1": ("1",), "ecog-2": ("2",), "ecog-3": ("3",)}
CIRRHOSIS = {"a": ("no cirrhosis", "0"), "b": ("cirrhosis", "1")}
"""The study's own subgroup, which hospitals tell with their clinical variables."""
_EXPECTED, _NEVER_CAME, _NO_FORM = 0.94, 0.05, 0.06
_GRADES_WRITTEN = {"G1": 0.16, "grade 2": 0.28, "G2": 0.16, "high": 0.24, "G2-3": 0.06, "": 0.1}
_PERFORMANCE_WRITTEN = {"0": 0.36, "1": 0.3, "2": 0.12, "-9": 0.2, "1-2": 0.02}
_CIRRHOSIS_WRITTEN = {"0": 0.5, "no cirrhosis": 0.16, "1": 0.2, "cirrhosis": 0.06, "unclear": 0.03, "": 0.05}


def _roster_lines(course: Course, rng: np.random.Generator, first_day: dt.date) -> Iterator[Line]:
    due = first_day + dt.timedelta(days=course.arrives + 14)
    if rng.random() < _EXPECTED:
        yield course.arrives, f"{course.patient_id},{due}"
    if rng.random() < _NEVER_CAME:
        yield course.arrives, f"{course.patient_id}N,{due}"


def _clinical_lines(course: Course, rng: np.random.Generator, first_day: dt.date) -> Iterator[Line]:  # noqa: ARG001
    if rng.random() > _NO_FORM:
        answers = (_written(answers, rng) for answers in (_GRADES_WRITTEN, _PERFORMANCE_WRITTEN, _CIRRHOSIS_WRITTEN))
        yield course.arrives + int(rng.integers(0, 10)), f"{course.patient_id},{','.join(answers)}"


def _lesion_lines(course: Course, rng: np.random.Generator, first_day: dt.date) -> Iterator[Line]:
    """Two days of reading: most lesions are found again, some are gone, a few are new."""
    if course.seen_again is None:
        return
    known = [f"L{number}" for number in range(1, 2 + int(rng.poisson(0.6)))] if course.truth["lesion"] else []
    again = [lesion for lesion in known if rng.random() < 0.8]
    again += [f"N{number}" for number in range(1, 1 + int(rng.poisson(0.15)))]
    for day, lesions in ((course.acquired, known), (course.seen_again, again)):
        date = first_day + dt.timedelta(days=day)
        for lesion in lesions or [""]:
            size = f"{rng.lognormal(2.6, 0.5):.1f}" if lesion else ""
            yield course.read_again_on, f"{course.patient_id},{date},{lesion},{size}"


def _written(weights: dict[str, float], rng: np.random.Generator) -> str:
    return str(rng.choice(list(weights), p=list(weights.values())))


ROSTER = GrowingTable("expected.csv", "PatientID,due", _roster_lines)
CLINICAL = GrowingTable("clinical.csv", "record_id,tumour_grade,ecog,cirrhosis", _clinical_lines)
LESIONS = GrowingTable("lesions.csv", "PatientID,date,lesion,diameter_mm", _lesion_lines)
