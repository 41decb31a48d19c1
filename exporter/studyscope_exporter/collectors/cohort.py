"""Who and what of the inventory belongs to a study: the basis on which every table counts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from studyscope_contract.study import Study

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


@dataclass(frozen=True)
class StudyRecords:
    """The records of one study at one site, exact; `now` decides which running jobs are stuck.

    `sources` restricts them to the named sources; None means all of the site.
    """

    frames: Frames
    study: Study
    now: dt.datetime
    sources: frozenset[str] | None = None

    @cached_property
    def images(self) -> pd.DataFrame:
        """Image series that meet the cohort rules, a patient's first one first; synthetic ones never."""
        series = self._of_the_sources(self.frames.series_frame())
        cohort = self.study.cohort
        keep = ~series["synthetic"].astype(bool) & ~series["modality"].isin(DERIVED_MODALITIES)
        if cohort.modalities:
            keep &= series["modality"].isin(cohort.modalities)
        if cohort.body_parts:
            keep &= series["body_part"].isin(cohort.body_parts)
        # A series without a date meets no rule about dates.
        if cohort.acquired_from:
            keep &= series["acquired_on"].map(lambda day: isinstance(day, dt.date) and day >= cohort.acquired_from)
        if cohort.acquired_until:
            keep &= series["acquired_on"].map(lambda day: isinstance(day, dt.date) and day <= cohort.acquired_until)
        kept = series[keep]
        order = kept["acquired_on"].map(lambda day: day if isinstance(day, dt.date) else dt.date.max)
        return kept.assign(_order=order).sort_values(["_order", "first_seen", "series_key"], kind="stable")

    @cached_property
    def patients(self) -> frozenset[bytes]:
        """Everybody who counts in this study."""
        return frozenset(self.images["patient_key"])

    @cached_property
    def first_images(self) -> pd.DataFrame:
        """The first image series of each patient, one row per patient."""
        return self.images.drop_duplicates("patient_key")

    @cached_property
    def series(self) -> pd.DataFrame:
        """Every series of the study's patients: the images and what was made from them."""
        import pandas as pd

        series = self._of_the_sources(self.frames.series_frame())
        derived = series[
            ~series["synthetic"].astype(bool)
            & series["modality"].isin(DERIVED_MODALITIES)
            & series["patient_key"].isin(self.patients)
        ]
        return pd.concat([self.images, derived])

    @cached_property
    def all_segmentations(self) -> pd.DataFrame:
        """Results (not further readings) by the study's algorithm for the study's patients, oldest first."""
        found = self._of_the_sources(self.frames.segmentations_frame())
        found = found[found["patient_key"].isin(self.patients) & (found["reading"] == "")]
        algorithm = self.study.algorithm
        if algorithm is not None:
            found = found[found["algorithm"].str.casefold() == algorithm.name.casefold()]
            if algorithm.version:
                found = found[found["algorithm_version"].str.casefold() == algorithm.version.casefold()]
        return found.sort_values(["first_seen", "segmentation_key"], kind="stable")

    @cached_property
    def segmentations(self) -> pd.DataFrame:
        """The latest segmentation of each patient, one row per patient."""
        return self.all_segmentations.drop_duplicates("patient_key", keep="last")

    @cached_property
    def structures(self) -> pd.DataFrame:
        """Structures of the latest segmentations: patient_key, code of the study or None, volume_ml."""
        code_of = {name: structure.code for structure in self.study.structures for name in structure.names}
        rows = self.frames.structures_frame()
        rows = rows.merge(self.segmentations[["segmentation_key", "patient_key"]], on="segmentation_key")
        return rows.assign(code=[code_of.get(name) for name in rows["structure"]])

    def jobs(self, workflow_id: str) -> pd.DataFrame:
        """The latest job of each patient in the workflow; running for too long is `stuck`."""
        workflow = next(workflow for workflow in self.study.workflows if workflow.id == workflow_id)
        jobs = self._of_the_sources(self.frames.jobs_frame())
        jobs = jobs[(jobs["workflow"] == workflow_id) & jobs["patient_key"].isin(self.patients)]
        jobs = jobs[jobs["model_version"].isin(("", workflow.version))]
        latest = jobs.assign(_order=[_latest_time(row) for row in jobs.itertuples()])
        latest = latest.sort_values(["_order", "job_key"], kind="stable").drop_duplicates("patient_key", keep="last")
        limit = dt.timedelta(hours=workflow.stuck_after_hours)
        outcome = [
            "stuck"
            if job.outcome == "running" and _is_time(job.started_at) and self.now - job.started_at > limit
            else job.outcome
            for job in latest.itertuples()
        ]
        return latest.assign(outcome=outcome)

    def _of_the_sources(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame if self.sources is None else frame[frame["source"].isin(self.sources)]


_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


def _latest_time(job: object) -> dt.datetime:
    times = [getattr(job, name) for name in ("queued_at", "started_at", "finished_at")]
    return max((time for time in times if _is_time(time)), default=_NEVER)


def _is_time(value: object) -> bool:
    return isinstance(value, dt.datetime) and value == value  # noqa: PLR0124 - NaT is a datetime that differs from itself
