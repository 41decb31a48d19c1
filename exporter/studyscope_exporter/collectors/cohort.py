"""Who and what of the inventory belongs to a study: the basis on which every table counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from studyscope_contract.study import Study, Workflow
from studyscope_exporter.annotation_effort import AnnotationEffort
from studyscope_exporter.collectors.rows import latest, of_patients, without_patients
from studyscope_exporter.lesion_change import LesionChange
from studyscope_exporter.quality.decisions import confidence_of
from studyscope_exporter.records import ENSEMBLE

if TYPE_CHECKING:
    import pandas as pd

DERIVED_MODALITIES = frozenset({"SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "SR", "PR", "KO", "REG", "ANN", "DOC"})
"""Objects made from images; a patient who has nothing else was not imaged."""


class Frames(Protocol):
    """The inventory as pandas frames; columns are the fields of `records`, see `inventory`."""

    def series_frame(self) -> pd.DataFrame: ...

    def segmentations_frame(self) -> pd.DataFrame: ...

    def structures_frame(self) -> pd.DataFrame: ...

    def jobs_frame(self) -> pd.DataFrame: ...

    def agreements_frame(self) -> pd.DataFrame: ...

    def landmarks_frame(self) -> pd.DataFrame: ...

    def classifications_frame(self) -> pd.DataFrame: ...


def nobody(_: Collection[bytes]) -> frozenset[bytes]:
    """Of these patients nobody has withdrawn."""
    return frozenset()


@dataclass(frozen=True)
class StudyRecords:
    """The records of one study at one site, exact; `now` decides which running jobs are stuck.

    `sources` restricts them to the named sources; None means all of the site. `roster` gives the
    expected patients with the day by which their images are due, None without a list; `tracked` who
    reached which stage by a table that people fill in; `lesion_changes` what became of lesions by a
    reader's table; `annotations` what annotating took by a tool's log; `clinical` by variable what a
    table says of each patient, None without a table; `sequences` what a classifier says of MR series;
    `withdrew` which of some patients have withdrawn.
    """

    frames: Frames
    study: Study
    now: dt.datetime
    sources: frozenset[str] | None = None
    roster: Mapping[bytes, dt.date | None] | None = None
    tracked: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    lesion_changes: Mapping[bytes, LesionChange] = field(default_factory=dict)
    annotations: Mapping[bytes, AnnotationEffort] = field(default_factory=dict)
    clinical: Mapping[str, Mapping[bytes, Sequence[str]]] | None = None
    sequences: Mapping[bytes, str] = field(default_factory=dict)
    withdrew: Callable[[Collection[bytes]], frozenset[bytes]] = nobody

    @property
    def expected_by_now(self) -> frozenset[bytes]:
        """Patients on the roster whose images should be there today; nobody waits for those of who withdrew."""
        today = self.now.date()
        due_by_now = frozenset(patient for patient, due in (self.roster or {}).items() if due is None or due <= today)
        return due_by_now - self.withdrew(due_by_now)

    @cached_property
    def images(self) -> pd.DataFrame:
        """Image series that meet the cohort rules, a patient's first one first; synthetic ones never."""
        series, cohort = self._all_series, self.study.cohort
        series = without_patients(series, self.withdrew(frozenset(series["patient_key"])))
        keep = ~series["synthetic"].astype(bool) & ~series["modality"].isin(DERIVED_MODALITIES)
        if cohort.modalities:
            keep &= series["modality"].isin(cohort.modalities)
        if cohort.body_parts:
            keep &= series["body_part"].isin(cohort.body_parts)
        days = [day if isinstance(day, dt.date) else None for day in series["acquired_on"]]
        # A series without a date meets no rule about dates.
        if cohort.acquired_from:
            keep &= np.array([day is not None and day >= cohort.acquired_from for day in days], dtype=bool)
        if cohort.acquired_until:
            keep &= np.array([day is not None and day <= cohort.acquired_until for day in days], dtype=bool)
        order = np.array([(day or dt.date.max).toordinal() for day in days], dtype=np.int64)
        return series.assign(_order=order)[keep].sort_values(["_order", "first_seen", "series_key"], kind="stable")

    @cached_property
    def _all_series(self) -> pd.DataFrame:
        return self._of_the_sources(self.frames.series_frame())

    @cached_property
    def patients(self) -> frozenset[bytes]:
        """Everybody who counts in this study."""
        return frozenset(self.images["patient_key"])

    @cached_property
    def first_images(self) -> pd.DataFrame:
        """The first image series of each patient, one row per patient."""
        return self.images.drop_duplicates("patient_key")

    @cached_property
    def image_days(self) -> Mapping[bytes, Sequence[dt.date]]:
        """The days on which each patient was imaged, the first one first; who has no dated image is not in it."""
        images = self.images
        dated = images[np.fromiter((isinstance(day, dt.date) for day in images["acquired_on"]), np.bool_, count=len(images))]
        days: dict[bytes, set[dt.date]] = {}
        for patient, day in zip(dated["patient_key"], dated["acquired_on"], strict=True):
            days.setdefault(patient, set()).add(day)
        return {patient: sorted(of_patient) for patient, of_patient in days.items()}

    @cached_property
    def series(self) -> pd.DataFrame:
        """Every series of the study's patients: the images and what was made from them."""
        import pandas as pd

        series = self._all_series
        derived = series[~series["synthetic"].astype(bool) & series["modality"].isin(DERIVED_MODALITIES)]
        return pd.concat([self.images, of_patients(derived, self.patients)])

    @cached_property
    def all_segmentations(self) -> pd.DataFrame:
        """Results (not further readings) by the study's algorithm for the study's patients, oldest first."""
        found = self._of_the_sources(self.frames.segmentations_frame())
        found = of_patients(found[found["reading"] == ""], self.patients)
        return self._by_the_algorithm(found).sort_values(["first_seen", "segmentation_key"], kind="stable")

    @cached_property
    def segmentations(self) -> pd.DataFrame:
        """The latest segmentation of each patient, one row per patient."""
        return self.all_segmentations.drop_duplicates("patient_key", keep="last")

    @cached_property
    def structures(self) -> pd.DataFrame:
        """Structures of the latest segmentations: patient_key, code of the study or None, volume_ml."""
        rows = self.frames.structures_frame()
        rows = rows.merge(self.segmentations[["segmentation_key", "patient_key"]], on="segmentation_key")
        return rows.assign(code=rows["structure"].map(self._structure_codes))

    @cached_property
    def agreements(self) -> pd.DataFrame:
        """Structures of every comparison of what the study's algorithm made by itself, the latest last.

        What a person drew or corrected is left out: comparing that would be about the person.
        """
        return self._all_agreements[self._all_agreements["against"] != ENSEMBLE]

    @cached_property
    def ensembles(self) -> pd.DataFrame:
        """Of each case how far the members of an ensemble agree with one another, structure by structure, the latest last."""
        return self._all_agreements[self._all_agreements["against"] == ENSEMBLE]

    @cached_property
    def _all_agreements(self) -> pd.DataFrame:
        found = self._of_the_sources(self.frames.agreements_frame())
        found = of_patients(found[found["review_state"].isin(("automatic", "not_stated"))], self.patients)
        found = self._by_the_algorithm(found).sort_values(["first_seen", "comparison_key"], kind="stable")
        return found.assign(code=found["structure"].map(self._structure_codes))

    @cached_property
    def landmarks(self) -> pd.DataFrame:
        """Landmarks of each patient's latest landmark result: patient_key, code of the study or None, found, error_mm."""
        code_of = {name: landmark.code for landmark in self.study.landmarks for name in landmark.names}
        found = self._of_the_sources(self.frames.landmarks_frame())
        found = latest(of_patients(found, self.patients), "landmarks_key")
        return found.assign(code=found["landmark"].map(code_of))

    def classifications(self, classifier_id: str) -> pd.DataFrame:
        """Each patient's latest case of a classifier: what counts as positive, how sure the decision was, whether it is right.

        A confidence that the model states is one in the class; one that follows from the score, in positive or negative.
        """
        (classifier,) = (one for one in self.study.classifiers if one.id == classifier_id)
        found = self._of_the_sources(self.frames.classifications_frame())
        found = of_patients(found[found["classifier"] == classifier.id], self.patients)
        if classifier.version:
            found = found[found["model_version"].str.casefold() == classifier.version.casefold()]
        found = latest(found, "classification_key")
        positive, truth = (found[name].isin(classifier.positive_names) for name in ("predicted", "reference"))
        stated, scores = (found[name].to_numpy(float) for name in ("confidence", "score"))
        return found.assign(
            predicted_positive=positive,
            reference_positive=truth,
            confidence=confidence_of(stated, scores, positive.to_numpy(bool)),
            right=(found["predicted"] == found["reference"]).where(found["confidence"].notna(), positive == truth),
        )

    @cached_property
    def _structure_codes(self) -> dict[str, str]:
        return {name: structure.code for structure in self.study.structures for name in structure.names}

    def _by_the_algorithm(self, results: pd.DataFrame) -> pd.DataFrame:
        algorithm = self.study.algorithm
        if algorithm is not None:
            results = results[results["algorithm"].str.casefold() == algorithm.name.casefold()]
            if algorithm.version:
                results = results[results["algorithm_version"].str.casefold() == algorithm.version.casefold()]
        return results

    def jobs(self, workflow_id: str) -> pd.DataFrame:
        """The latest job of each patient in the workflow; running for too long is `stuck`."""
        return self._jobs_by_workflow[workflow_id]

    @cached_property
    def _jobs_by_workflow(self) -> dict[str, pd.DataFrame]:
        """Once for all collectors: four tables and a stage ask for each workflow."""
        jobs = of_patients(self._of_the_sources(self.frames.jobs_frame()), self.patients)
        return {workflow.id: self._latest_jobs(jobs, workflow) for workflow in self.study.workflows}

    def _latest_jobs(self, jobs: pd.DataFrame, workflow: Workflow) -> pd.DataFrame:
        jobs = jobs[(jobs["workflow"] == workflow.id) & jobs["model_version"].isin(("", workflow.version))]
        latest = jobs.assign(_order=jobs[["queued_at", "started_at", "finished_at"]].max(axis=1))
        latest = latest.sort_values(["_order", "job_key"], kind="stable", na_position="first")
        latest = latest.drop_duplicates("patient_key", keep="last")
        limit = dt.timedelta(hours=workflow.stuck_after_hours)
        stuck = (latest["outcome"] == "running") & (latest["started_at"] < self.now - limit)
        return latest.assign(outcome=latest["outcome"].mask(stuck, "stuck"))

    def _of_the_sources(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame if self.sources is None else frame[frame["source"].isin(self.sources)]


Collector = Callable[[StudyRecords, str], dict[bytes, frozenset[tuple[str, ...]]]]
"""Counts one table: the study's records and what the table exists once for, to patient key → cells."""
