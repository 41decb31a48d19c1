"""Whether DICOM attributes and clinical variables that a study asks for are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from studyscope_contract.catalogue import completeness
from studyscope_contract.code_list import NOT_STATED, OTHER
from studyscope_contract.protocol import Attribute, Variable, attribute_id
from studyscope_exporter.collectors.cells import Contribution, one_cell
from studyscope_exporter.collectors.cohort import Collector, StudyRecords

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: dict[Attribute, str] = {
    "Modality": "modality",
    "Manufacturer": "vendor",
    "ManufacturerModelName": "model_class",
    "BodyPartExamined": "body_part",
    "Laterality": "laterality",
    "PatientSex": "sex",
    "PatientAge": "age_years",
    "AcquisitionDate": "acquired_on",
    "SliceThickness": "slice_thickness_mm",
    "MagneticFieldStrength": "field_strength_tesla",
    "PatientIdentityRemoved": "identity_removed",
    "BurnedInAnnotation": "burned_in",
}
"""Which column of the inventory says what became of the attribute."""


def attribute_completeness(records: StudyRecords, attribute: str) -> Contribution:
    (keyword,) = (one for one in records.study.attributes if attribute_id(one) == attribute)
    images = records.images
    if keyword == "MagneticFieldStrength":
        images = images[images["modality"] == "MR"]
    stated = images[COLUMNS[keyword]]
    missing = stated.isna() | (stated == NOT_STATED)
    # Whoever lacks it once is missing; `other` is a text that no code list knows.
    rank = np.where(missing, 2, np.where((stated == OTHER).fillna(False), 1, 0))
    return _worst(images["patient_key"], rank)


def _worst(patients: pd.Series[bytes], rank: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Contribution:
    worst: dict[bytes, int] = {}
    for patient, place in zip(patients, rank.tolist(), strict=True):
        worst[patient] = max(place, worst.get(patient, 0))
    names = ("present", "not_mapped", "missing")
    return one_cell(worst, (names[place] for place in worst.values()))


def variable_completeness(records: StudyRecords, variable_id: str) -> Contribution:
    (variable,) = (one for one in records.study.variables if one.id == variable_id)
    said = (records.clinical or {}).get(variable_id)
    if said is None:  # no table of the site has a column for it
        return {}
    return one_cell(records.patients, (_state(variable, said.get(patient, ())) for patient in records.patients))


def _state(variable: Variable, texts: Sequence[str]) -> str:
    code = code_of(variable, texts)
    return "missing" if code == "" else "not_mapped" if code is None else "present"


def code_of(variable: Variable, texts: Sequence[str]) -> str | None:
    """The code of the last text that says something, "" where none does, None where it means no code."""
    said = [code for code in map(variable.code, texts) if code != ""]
    return said[-1] if said else ""


COLLECTORS: dict[str, Collector] = {
    completeness.ATTRIBUTE_COMPLETENESS.id: attribute_completeness,
    completeness.VARIABLE_COMPLETENESS.id: variable_completeness,
}
