"""Outcomes by subgroup, and right decisions by how sure they were: crossings of two one-way tables, each off until a policy
declares it (privacy.md 2.4).

The crossing is made inside disclosure control from the two tables themselves, so that what a patient
counts as is the same in all three.
"""

from studyscope_contract.catalogue import classification, imaging, jobs, progress, segmentation
from studyscope_contract.code_list import NOT_STATED, OTHER
from studyscope_contract.metric import Dimension, Kind, Table, Unit


def _crossing(subject: Table, group: Table, metric: str, help_text: str) -> Table:
    """`subject` by `group`, each a partition with one dimension."""
    return Table(
        id=f"{subject.id}_by_{group.id}",
        metric=metric,
        kind=Kind.TWO_WAY,
        unit=Unit.PATIENT,
        help=help_text,
        rule=f"The patient's answers in {subject.id} and {group.id}, taken together.",
        dimensions=(*subject.dimensions, *group.dimensions),
        per=subject.per,
        subpopulation=subject.subpopulation or group.subpopulation,
        sensitive=subject.sensitive or group.sensitive,
        crosses=(subject.id, group.id),
    )


SUBGROUP_CODES = ("a", "b", "c", "d", "e")

SUBGROUP = Table(
    id="subgroup",
    metric="study_subgroup_patients",
    kind=Kind.PARTITION,
    unit=Unit.PATIENT,
    help="Patients by the study's own subgroup, which the site's clinical table tells; the study file says what each letter is.",
    rule="The subgroup that the patient's last line that says something maps to; `other` where it maps to none, `not_stated` "
    "where no line says anything or the patient has none.",
    dimensions=(Dimension("subgroup", (*SUBGROUP_CODES, OTHER, NOT_STATED)),),
    subpopulation=True,
    sensitive=True,
)

STAGE_BY_SEX = _crossing(
    progress.STAGE, imaging.SEX, "study_patients_by_stage_and_sex", "Patients by the stage they are in now, by sex."
)
STAGE_BY_AGE_BAND = _crossing(
    progress.STAGE, imaging.AGE_BAND, "study_patients_by_stage_and_age_band", "Patients by the stage they are in now, by age."
)
STRUCTURE_STATE_BY_SEX = _crossing(
    segmentation.STRUCTURE_STATE,
    imaging.SEX,
    "study_structure_patients_by_sex",
    "Segmented patients in whose segmentation the structure is present, missing or empty, by sex.",
)
STRUCTURE_STATE_BY_AGE_BAND = _crossing(
    segmentation.STRUCTURE_STATE,
    imaging.AGE_BAND,
    "study_structure_patients_by_age_band",
    "Segmented patients in whose segmentation the structure is present, missing or empty, by age.",
)
STRUCTURE_STATE_BY_VENDOR = _crossing(
    segmentation.STRUCTURE_STATE,
    imaging.VENDOR,
    "study_structure_patients_by_vendor",
    "Segmented patients in whose segmentation the structure is present, missing or empty, by device manufacturer.",
)
STRUCTURE_STATE_BY_REVIEW_STATE = _crossing(
    segmentation.STRUCTURE_STATE,
    segmentation.REVIEW_STATE,
    "study_structure_patients_by_review_state",
    "Segmented patients in whose segmentation the structure is present, missing or empty, by how it was reviewed.",
)
JOB_OUTCOME_BY_SEX = _crossing(
    jobs.JOB_OUTCOME, imaging.SEX, "study_job_patients_by_sex", "Patients by the outcome of their latest job, by sex."
)
JOB_OUTCOME_BY_AGE_BAND = _crossing(
    jobs.JOB_OUTCOME, imaging.AGE_BAND, "study_job_patients_by_age_band", "Patients by the outcome of their latest job, by age."
)
JOB_OUTCOME_BY_VENDOR = _crossing(
    jobs.JOB_OUTCOME,
    imaging.VENDOR,
    "study_job_patients_by_vendor",
    "Patients by the outcome of their latest job, by device manufacturer.",
)
STAGE_BY_SUBGROUP = _crossing(
    progress.STAGE,
    SUBGROUP,
    "study_patients_by_stage_and_subgroup",
    "Patients by the stage they are in now, by the study's own subgroup.",
)
STRUCTURE_STATE_BY_SUBGROUP = _crossing(
    segmentation.STRUCTURE_STATE,
    SUBGROUP,
    "study_structure_patients_by_subgroup",
    "Segmented patients in whose segmentation the structure is present, missing or empty, by the study's own subgroup.",
)
JOB_OUTCOME_BY_SUBGROUP = _crossing(
    jobs.JOB_OUTCOME,
    SUBGROUP,
    "study_job_patients_by_subgroup",
    "Patients by the outcome of their latest job, by the study's own subgroup.",
)
CORRECTNESS_BY_CONFIDENCE = _crossing(
    classification.CORRECTNESS,
    classification.CONFIDENCE,
    "study_decision_correctness_patients_by_confidence",
    "Classified patients with a reference by whether the decision is right, by how sure the classifier was of it.",
)

TABLES = (
    SUBGROUP,
    STAGE_BY_SEX,
    STAGE_BY_AGE_BAND,
    STRUCTURE_STATE_BY_SEX,
    STRUCTURE_STATE_BY_AGE_BAND,
    STRUCTURE_STATE_BY_VENDOR,
    STRUCTURE_STATE_BY_REVIEW_STATE,
    JOB_OUTCOME_BY_SEX,
    JOB_OUTCOME_BY_AGE_BAND,
    JOB_OUTCOME_BY_VENDOR,
    STAGE_BY_SUBGROUP,
    STRUCTURE_STATE_BY_SUBGROUP,
    JOB_OUTCOME_BY_SUBGROUP,
    CORRECTNESS_BY_CONFIDENCE,
)
