"""Why a series is not counted in a study, rule by rule, in words for the people of the site."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from studyscope_contract.study import Study
from studyscope_exporter.collectors.cohort import DERIVED_MODALITIES
from studyscope_exporter.records import ImagingSeries


def objections(series: ImagingSeries, study: Study) -> Iterator[str]:
    """Every rule that keeps `series` from making its patient one of `study`; none means that it counts."""
    cohort = study.cohort
    if series.synthetic:
        yield "it is marked as synthetic (SyntheticData YES), and synthetic images count nowhere"
    if series.modality in DERIVED_MODALITIES:
        yield f"modality {series.modality} is made from images; a patient who has nothing else was not imaged"
    if cohort.modalities and series.modality not in cohort.modalities:
        yield f"modality {series.modality}; the study takes {', '.join(cohort.modalities)}"
    if cohort.body_parts and series.body_part not in cohort.body_parts:
        yield f"body part {series.body_part}; the study takes {', '.join(cohort.body_parts)}"
    yield from _of_the_day(series.acquired_on, study)


def _of_the_day(day: dt.date | None, study: Study) -> Iterator[str]:
    first, last = study.cohort.acquired_from, study.cohort.acquired_until
    if day is None and (first or last):
        yield "it states no date, and the study takes only images of certain days"
    if day is not None and first and day < first:
        yield f"acquired on {day}; the study takes images from {first} on"
    if day is not None and last and day > last:
        yield f"acquired on {day}; the study takes images until {last}"
