"""How segmentations turn out: each patient's latest one, by the study's algorithm."""

from __future__ import annotations

from studyscope_contract.catalogue import segmentation
from studyscope_exporter.collectors.cells import Contribution, buckets, one_cell
from studyscope_exporter.collectors.cohort import Collector, StudyRecords


def structure_state(records: StudyRecords, structure: str) -> Contribution:
    volumes = _volumes(records, structure)
    patients = list(records.segmentations["patient_key"])
    return one_cell(patients, (_state(volumes.get(patient)) for patient in patients))


def structure_volume(records: StudyRecords, structure: str) -> Contribution:
    present = {patient: volume for patient, volume in _volumes(records, structure).items() if volume > 0}
    return buckets(segmentation.STRUCTURE_VOLUME, present.keys(), present.values())


def lesions(records: StudyRecords, structure: str) -> Contribution:
    rows = records.structures
    rows = rows[(rows["code"] == structure) & rows["lesions"].notna()]
    counted = rows.groupby("patient_key", sort=False)["lesions"].sum()
    return buckets(segmentation.LESIONS, counted.index, counted)


def extra_structures(records: StudyRecords, _: str) -> Contribution:
    rows = records.structures
    extra = frozenset(rows[rows["code"].isna() & (rows["volume_ml"] > 0)]["patient_key"])
    patients = list(records.segmentations["patient_key"])
    return one_cell(patients, ("some" if patient in extra else "none" for patient in patients))


def review_state(records: StudyRecords, _: str) -> Contribution:
    return one_cell(records.segmentations["patient_key"], records.segmentations["review_state"])


def _volumes(records: StudyRecords, structure: str) -> dict[bytes, float]:
    """Volume in ml per patient whose segmentation holds the structure; segments of one structure add up."""
    rows = records.structures[records.structures["code"] == structure]
    volumes: dict[bytes, float] = {}
    for patient, volume in zip(rows["patient_key"], rows["volume_ml"], strict=True):
        volumes[patient] = volumes.get(patient, 0.0) + volume
    return volumes


def _state(volume: float | None) -> str:
    if volume is None:
        return "missing"
    return "present" if volume > 0 else "empty"


COLLECTORS: dict[str, Collector] = {
    segmentation.STRUCTURE_STATE.id: structure_state,
    segmentation.STRUCTURE_VOLUME.id: structure_volume,
    segmentation.LESIONS.id: lesions,
    segmentation.EXTRA_STRUCTURES.id: extra_structures,
    segmentation.REVIEW_STATE.id: review_state,
}
