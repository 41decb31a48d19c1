"""What a source finds, as records: the exact, local truth of one hospital.

Nothing here ever crosses the hospital wall. Records hold no name, no path and no identifier in
clear: patients, studies, series and jobs are told apart by keys (`pseudonym.py`), and every text
of a DICOM header has already become a code of a closed list (`studyscope_contract.vocabulary`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

Key = bytes
"""16 bytes, a keyed hash under the site's secret; equal keys mean the same patient, study, series or job."""


@dataclass(frozen=True, slots=True)
class ImagingSeries:
    """One DICOM series as its first read instance describes it.

    Codes come from the closed lists; `not_stated` is an empty attribute, `other` an unknown text.
    """

    series_key: Key  # of SeriesInstanceUID (0020,000E)
    study_key: Key  # of StudyInstanceUID (0020,000D)
    patient_key: Key  # of (IssuerOfPatientID (0010,0021), PatientID (0010,0020))
    modality: str  # code of Modality (0008,0060)
    vendor: str  # code of Manufacturer (0008,0070)
    model_class: str  # code of ManufacturerModelName (0008,1090)
    body_part: str  # code of BodyPartExamined (0018,0015)
    sex: str  # F, M, O or not_stated, of PatientSex (0010,0040)
    age_years: int | None  # PatientAge (0010,1010), else StudyDate - PatientBirthDate
    acquired_on: dt.date | None  # AcquisitionDate, SeriesDate or StudyDate, the first that is a date
    slice_thickness_mm: float | None  # SliceThickness (0018,0050)
    field_strength_tesla: float | None  # MagneticFieldStrength (0018,0087)
    identity_removed: str  # yes, no or not_stated, of PatientIdentityRemoved (0012,0062)
    burned_in: str  # yes, no or not_stated, of BurnedInAnnotation (0028,0301)
    synthetic: bool  # SyntheticData (0008,001C) is YES; such a series enters no patient table


@dataclass(frozen=True, slots=True)
class StructureVolume:
    """One segment or label of a segmentation.

    `structure` is the name as the file gives it, lower case, trimmed, at most 64 characters; the
    study's synonyms map it to a code when it is counted, so that a new study file needs no re-scan.
    """

    structure: str
    volume_ml: float  # 0.0 when the structure is there and empty


@dataclass(frozen=True, slots=True)
class Segmentation:
    """One segmentation result of one image: a DICOM SEG instance or a label map.

    `patient_key` None: not linked, so it enters no patient table. `image_series_key` is the
    segmented series where it is known.
    """

    segmentation_key: Key
    patient_key: Key | None
    study_key: Key | None
    image_series_key: Key | None
    algorithm: str  # lower case name of the algorithm or tool, "" when not stated
    algorithm_version: str
    review_state: str  # automatic, corrected, manual or not_stated
    reading: str  # "" for the result itself; the reader's role ("second") for a further reading
    structures: tuple[StructureVolume, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of inference work; retries and re-runs of the same work are one job (the last counts)."""

    job_key: Key
    patient_key: Key | None  # None: not linked, enters no patient table
    workflow: str  # the workflow's id as the log names it
    model: str
    model_version: str
    outcome: str  # code of vocabulary.JOB_OUTCOMES
    failure_reason: str  # code of vocabulary.FAILURE_REASONS; "none" unless outcome is failed
    queued_at: dt.datetime | None  # aware, UTC
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
