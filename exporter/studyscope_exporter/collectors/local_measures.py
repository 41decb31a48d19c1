"""Exact measures of a study's results for the staff of the hospital: means and rates that no table may hold.

They are shown to a person at the site who asks for them, and go nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from studyscope_exporter.collectors.cohort import StudyRecords, of_patients
from studyscope_exporter.quality.decisions import calibration_error, risk_coverage_area, roc_area

if TYPE_CHECKING:
    import pandas as pd

RADII_MM = (2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True)
class Measure:
    """One number: of which structure, landmark or classifier, over how many patients."""

    subject: str
    name: str
    patients: int
    value: float


def local_measures(records: StudyRecords, admitted: Collection[bytes]) -> list[Measure]:
    """Of the patients in `admitted`; what nothing is known of is left out."""
    return [*_of_structures(records, admitted), *_of_landmarks(records, admitted), *_of_classifiers(records, admitted)]


def _of_structures(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    rows = of_patients(records.agreements, admitted)
    for structure in records.study.structures:
        of_structure = rows[rows["code"] == structure.code]
        for column, name in (
            ("dice", "Dice, median"),
            ("surface_dice", "surface Dice, median"),
            ("hausdorff_mm", "Hausdorff distance (95 %), median, mm"),
            ("volume_difference", "volume difference, median, %"),
        ):
            known = of_structure[of_structure[column].notna()].drop_duplicates("patient_key", keep="last")[column]
            if len(known):
                scale = 100.0 if column == "volume_difference" else 1.0
                yield Measure(f"structure {structure.code}", name, len(known), scale * float(known.median()))


def _of_landmarks(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    rows = of_patients(records.landmarks, admitted)
    for landmark in records.study.landmarks:
        known = rows[(rows["code"] == landmark.code) & rows["error_mm"].notna()].drop_duplicates("patient_key")["error_mm"]
        if len(known):
            subject = f"landmark {landmark.code}"
            yield Measure(subject, "radial error, mean, mm", len(known), float(known.mean()))
            for radius in RADII_MM:
                yield Measure(subject, f"found within {radius:g} mm, %", len(known), 100.0 * float((known <= radius).mean()))


def _of_classifiers(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    for classifier in records.study.classifiers:
        cases = records.classifications(classifier.id)
        cases = of_patients(cases[cases["reference"] != ""], admitted)
        if not len(cases):
            continue
        for name, value, count in (*_rates(cases), *_of_scores(cases[cases["score"].notna()])):
            if value is not None:
                yield Measure(f"classifier {classifier.id}", name, count, value)


def _rates(cases: pd.DataFrame) -> Iterator[tuple[str, float | None, int]]:
    predicted = cases["predicted_positive"].to_numpy(bool)
    truth = cases["reference_positive"].to_numpy(bool)
    sensitivity = float(predicted[truth].mean()) if truth.any() else None
    specificity = float((~predicted)[~truth].mean()) if (~truth).any() else None
    yield "sensitivity", sensitivity, int(truth.sum())
    yield "specificity", specificity, int((~truth).sum())
    if sensitivity is not None and specificity is not None:
        yield "balanced accuracy", (sensitivity + specificity) / 2.0, len(cases)


def _of_scores(cases: pd.DataFrame) -> Iterator[tuple[str, float | None, int]]:
    scores = cases["score"].to_numpy(float)
    predicted = cases["predicted_positive"].to_numpy(bool)
    truth = cases["reference_positive"].to_numpy(bool)
    confidence, right = np.where(predicted, scores, 1.0 - scores), predicted == truth
    yield "area under the ROC curve", roc_area(scores, truth), len(cases)
    yield "expected calibration error", calibration_error(confidence, right), len(cases)
    yield "area under the risk-coverage curve", risk_coverage_area(confidence, right), len(cases)
