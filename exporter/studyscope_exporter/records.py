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
    laterality: str = "not_stated"  # code of Laterality (0020,0060), else ImageLaterality (0020,0062)
    mr_sequence: str = "not_stated"  # code of SeriesDescription (0008,103E), else ProtocolName (0018,1030), of MR only


@dataclass(frozen=True, slots=True)
class StructureVolume:
    """One segment or label of a segmentation.

    `structure` is the name as the file gives it, lower case, trimmed, at most 64 characters; the
    study's synonyms map it to a code when it is counted, so that a new study file needs no re-scan.
    """

    structure: str
    volume_ml: float  # 0.0 when the structure is there and empty
    lesions: int | None = None  # parts that touch nowhere (26 neighbours); None where they were not counted


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
class Agreement:
    """How far one structure agrees in two label maps of one image; measures as `quality` defines them.

    A measure is None where it has no value: every one where neither map holds the structure, all but
    Dice where one of them does not.
    """

    structure: str  # spelled as in StructureVolume
    dice: float | None
    surface_dice: float | None  # at the tolerance that the source states
    hausdorff_mm: float | None  # at 95 per cent
    volume_difference: float | None  # relative to the mean of both
    noise: str | None = ""  # codes of catalogue.quality.LABEL_NOISE_CODES but `none`, by blanks; None: not looked for
    confused_with: str = ""  # with `label_swap` the other structure that most of it is
    volume_ml: float | None = None
    reference_ml: float | None = None
    instances: int | None = None  # separate parts; None where they were not counted
    reference_instances: int | None = None
    matched_instances: int | None = None
    matched_iou: float | None = None  # mean of those that match


ENSEMBLE = "ensemble"
"""What a Comparison is against that holds the mean over all pairs of an ensemble's members; it enters no table."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A segmentation result held against another segmentation of the same image."""

    comparison_key: Key
    patient_key: Key | None
    study_key: Key | None
    image_series_key: Key | None
    algorithm: str  # of the result; lower case
    algorithm_version: str
    review_state: str  # of the result
    against: str  # the other reading's role: "second", "reference"; or ENSEMBLE
    agreements: tuple[Agreement, ...]


@dataclass(frozen=True, slots=True)
class LandmarkError:
    """One landmark: the distance to its reference; None where it was not found or has no reference."""

    landmark: str  # lower case, trimmed, at most 64 characters
    found: bool
    error_mm: float | None


@dataclass(frozen=True, slots=True)
class LandmarkResult:
    """The landmarks that an algorithm found in one image."""

    landmarks_key: Key
    patient_key: Key | None
    study_key: Key | None
    image_series_key: Key | None
    landmarks: tuple[LandmarkError, ...]


@dataclass(frozen=True, slots=True)
class Classification:
    """A classifier's decision on one case; class names are lower case, trimmed, at most 64 characters."""

    classification_key: Key
    patient_key: Key | None
    study_key: Key | None
    image_series_key: Key | None
    classifier: str  # the id by which the study names it
    model_version: str
    predicted: str
    score: float | None  # 0 to 1, of the study's positive class
    reference: str  # "" without one
    confidence: float | None = None  # 0 to 1, in the decision, as the model states it


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
