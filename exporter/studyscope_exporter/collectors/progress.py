"""Patients, and the stages that they passed."""

from __future__ import annotations

from studyscope_contract.catalogue import progress
from studyscope_exporter.collectors.cells import Contribution, one_cell
from studyscope_exporter.collectors.cohort import Collector, StudyRecords


def population(records: StudyRecords, _: str) -> Contribution:
    return dict.fromkeys(records.patients, frozenset({()}))


def stage(records: StudyRecords, _: str) -> Contribution:
    last = _last_stage(records)
    return one_cell(last.keys(), last.values())


def reached(records: StudyRecords, _: str) -> Contribution:
    stages = records.study.stages
    up_to = {last: frozenset((code,) for code in stages[: place + 1]) for place, last in enumerate(stages)}
    return {patient: up_to[last] for patient, last in _last_stage(records).items()}


def roster_state(records: StudyRecords, _: str) -> Contribution:
    if records.roster is None:
        return {}
    on, off = frozenset({("expected",)}), frozenset({("unexpected",)})
    return {patient: on if patient in records.roster else off for patient in records.patients}


def _last_stage(records: StudyRecords) -> dict[bytes, str]:
    """The last stage of the study that was found for each patient."""
    found = dict.fromkeys(records.patients, "imaged")
    for code in records.study.stages:
        for patient in _found_in(records, code):
            found[patient] = code
    return found


def _found_in(records: StudyRecords, stage_code: str) -> frozenset[bytes]:
    """Patients of the study for whom a record or the site's own table proves the stage."""
    return _proven(records, stage_code) | (records.tracked.get(stage_code, frozenset()) & records.patients)


def _proven(records: StudyRecords, stage_code: str) -> frozenset[bytes]:
    made = records.all_segmentations
    if stage_code == "segmented":
        filled = records.structures[records.structures["volume_ml"] > 0]
        return frozenset(filled["patient_key"])
    if stage_code == "reviewed":
        return frozenset(made[made["review_state"].isin(("corrected", "manual"))]["patient_key"])
    if stage_code == "analysed":
        done = (records.jobs(workflow.id) for workflow in records.study.workflows)
        return frozenset(patient for jobs in done for patient in jobs[jobs["outcome"] == "succeeded"]["patient_key"])
    return frozenset()


COLLECTORS: dict[str, Collector] = {
    progress.PATIENTS.id: population,
    progress.STAGE.id: stage,
    progress.REACHED.id: reached,
    progress.ROSTER_STATE.id: roster_state,
}
