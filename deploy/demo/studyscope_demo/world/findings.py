"""What other tools find in the patients: landmarks beside a reference, and a classifier's decisions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np

from studyscope_demo.world.growing_table import GrowingTable, Line
from studyscope_demo.world.patients import Course

LANDMARKS = {
    "liver-hilum": ("Liver hilum", 1.6),
    "left-kidney-pole": ("Upper pole of the left kidney", 2.3),
    "l1-centre": ("L1", 3.1),
}
"""Code -> label, and the error in mm that half of the patients stay under."""
CLASSIFIER = "lesion-malignancy"
PHASE_CLASSIFIER = "contrast-phase"
PHASES = ("native", "arterial", "portal-venous")
_OVERCONFIDENT = 0.12
_NOT_FOUND, _JUDGED, _WITH_REFERENCE, _MALIGNANT = 0.05, 0.95, 0.9, 0.42


def _landmark_lines(course: Course, rng: np.random.Generator, first_day: dt.date) -> Iterator[Line]:  # noqa: ARG001
    if course.segmented_on is None:
        return
    for code, (_, median_mm) in LANDMARKS.items():
        error = "" if rng.random() < _NOT_FOUND else f"{median_mm * np.exp(rng.normal(0, 0.55)):.2f}"
        yield course.segmented_on, f"{course.patient_id}_abdomen,{code},{error}"


def _decision_lines(course: Course, rng: np.random.Generator, first_day: dt.date) -> Iterator[Line]:  # noqa: ARG001
    if course.segmented_on is None or rng.random() > _JUDGED:
        return
    malignant = rng.random() < _MALIGNANT
    score = 1 / (1 + np.exp(-rng.normal(1.2 if malignant else -1.3, 1.3)))
    decision = "malignant" if score >= 0.5 else "benign"
    reference = ("malignant" if malignant else "benign") if rng.random() < _WITH_REFERENCE else ""
    yield course.segmented_on, f"{course.patient_id}_lesion,{course.patient_id},{decision},{score:.3f},{reference}"


def _phase_lines(course: Course, rng: np.random.Generator, first_day: dt.date) -> Iterator[Line]:  # noqa: ARG001
    """A classifier that is surer than it is right, as networks often are."""
    if course.segmented_on is None:
        return
    truth = PHASES[int(rng.integers(len(PHASES)))]
    confidence = 1 - 0.5 * rng.random() ** 1.6
    right = rng.random() < confidence - _OVERCONFIDENT
    decided = truth if right else PHASES[(PHASES.index(truth) + 1) % len(PHASES)]
    reference = truth if rng.random() < _WITH_REFERENCE else ""
    yield course.segmented_on, f"{course.patient_id}_scan,{course.patient_id},{decided},{confidence:.3f},{reference}"


LANDMARK_TABLE = GrowingTable("landmarks.csv", "case,landmark,error_mm", _landmark_lines)
DECISION_TABLE = GrowingTable("decisions.csv", "case,PatientID,predicted,score,pathology", _decision_lines)
PHASE_TABLE = GrowingTable("phases.csv", "case,PatientID,predicted,confidence,radiologist", _phase_lines)
