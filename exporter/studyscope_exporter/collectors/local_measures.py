"""Exact measures of a study's results for the staff of the hospital: means and rates that no table may hold.

They are shown to a person at the site who asks for them, and go nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from studyscope_exporter.collectors.cohort import StudyRecords
from studyscope_exporter.collectors.local_progress import progress_measures
from studyscope_exporter.collectors.local_structures import structure_measures
from studyscope_exporter.collectors.measure import Measure
from studyscope_exporter.collectors.rows import of_patients
from studyscope_exporter.quality.decisions import calibration_error, risk_coverage_area, roc_area

if TYPE_CHECKING:
    import pandas as pd


def local_measures(records: StudyRecords, admitted: Collection[bytes]) -> list[Measure]:
    """Of the patients in `admitted`; what nothing is known of is left out."""
    return [
        *progress_measures(records, admitted),
        *structure_measures(records, admitted),
        *_of_landmarks(records, admitted),
        *_of_classifiers(records, admitted),
    ]


def _of_landmarks(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    rows = of_patients(records.landmarks, admitted)
    for landmark in records.study.landmarks:
        known = rows[(rows["code"] == landmark.code) & rows["error_mm"].notna()].drop_duplicates("patient_key")["error_mm"]
        if len(known):
            subject = f"landmark {landmark.code}"
            yield Measure(subject, "radial error, mean, mm", len(known), float(known.mean()))
            for radius in records.study.success_radii_mm:
                yield Measure(subject, f"found within {radius:g} mm, %", len(known), 100.0 * float((known <= radius).mean()))


def _of_classifiers(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    for classifier in records.study.classifiers:
        cases = records.classifications(classifier.id)
        cases = of_patients(cases[cases["reference"] != ""], admitted)
        if not len(cases):
            continue
        subject = f"classifier {classifier.id}"
        for name, value, count in (*_rates(cases), *_of_scores(cases), *_of_confidence(cases)):
            if value is not None:
                yield Measure(subject, name, count, value)
        yield from _confusion(subject, cases)


def _confusion(subject: str, cases: pd.DataFrame) -> Iterator[Measure]:
    """The confusion matrix, a row of the reference at a time, in per cent of the row."""
    for truth, row in cases.groupby("reference"):
        for decided, count in row["predicted"].value_counts().sort_index().items():
            yield Measure(subject, f"{truth} decided as {decided}, %", len(row), 100.0 * int(count) / len(row))


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
    known = cases[cases["score"].notna()]
    yield (
        "area under the ROC curve",
        roc_area(known["score"].to_numpy(float), known["reference_positive"].to_numpy(bool)),
        len(known),
    )


def _of_confidence(cases: pd.DataFrame) -> Iterator[tuple[str, float | None, int]]:
    known = cases[cases["confidence"].notna()]
    confidence, right = known["confidence"].to_numpy(float), known["right"].to_numpy(bool)
    yield "expected calibration error", calibration_error(confidence, right), len(known)
    yield "area under the risk-coverage curve", risk_coverage_area(confidence, right), len(known)
