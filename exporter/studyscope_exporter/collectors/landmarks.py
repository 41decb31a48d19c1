"""How well landmarks are found, from each patient's latest landmark result."""

from __future__ import annotations

from studyscope_contract.catalogue import landmarks
from studyscope_exporter.collectors.cells import Contribution, buckets, one_cell
from studyscope_exporter.collectors.cohort import Collector, StudyRecords


def landmark_state(records: StudyRecords, landmark: str) -> Contribution:
    rows = records.landmarks
    found = frozenset(rows[(rows["code"] == landmark) & rows["found"]]["patient_key"])
    patients = list(dict.fromkeys(rows["patient_key"]))
    return one_cell(patients, ("found" if patient in found else "missing" for patient in patients))


def landmark_error(records: StudyRecords, landmark: str) -> Contribution:
    rows = records.landmarks
    rows = rows[(rows["code"] == landmark) & rows["error_mm"].notna()].drop_duplicates("patient_key")
    return buckets(landmarks.LANDMARK_ERROR, rows["patient_key"], rows["error_mm"])


COLLECTORS: dict[str, Collector] = {
    landmarks.LANDMARK_STATE.id: landmark_state,
    landmarks.LANDMARK_ERROR.id: landmark_error,
}
