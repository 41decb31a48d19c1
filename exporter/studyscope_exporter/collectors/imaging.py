"""What was imaged, with what, and whom."""

from __future__ import annotations

import datetime as dt

from studyscope_contract.catalogue import imaging
from studyscope_exporter.collectors.cells import Contribution, amounts, buckets, many_cells, one_cell
from studyscope_exporter.collectors.cohort import Collector, StudyRecords


def sex(records: StudyRecords, _: str) -> Contribution:
    return one_cell(records.first_images["patient_key"], records.first_images["sex"])


def age_band(records: StudyRecords, _: str) -> Contribution:
    first = records.first_images
    ages = first["age_years"].to_numpy(dtype=float, na_value=float("nan"))
    return one_cell(first["patient_key"], (_age_band(age) for age in ages))


def acquisition_year(records: StudyRecords, _: str) -> Contribution:
    first = records.first_images
    return one_cell(first["patient_key"], (_year(day) for day in first["acquired_on"]))


def vendor(records: StudyRecords, _: str) -> Contribution:
    return one_cell(records.first_images["patient_key"], records.first_images["vendor"])


def model_class(records: StudyRecords, _: str) -> Contribution:
    return one_cell(records.first_images["patient_key"], records.first_images["model_class"])


def modality(records: StudyRecords, _: str) -> Contribution:
    return many_cells(records.series["patient_key"], records.series["modality"])


def body_part(records: StudyRecords, _: str) -> Contribution:
    return many_cells(records.images["patient_key"], records.images["body_part"])


def mr_sequence(records: StudyRecords, _: str) -> Contribution:
    series = records.images[records.images["modality"] == "MR"]
    told, stated = records.sequences, zip(series["series_key"], series["mr_sequence"], strict=True)
    return many_cells(series["patient_key"], [told.get(key, code) for key, code in stated])


def laterality(records: StudyRecords, _: str) -> Contribution:
    return many_cells(records.images["patient_key"], records.images["laterality"])


def identity_removed(records: StudyRecords, _: str) -> Contribution:
    return _all_or(records, "identity_removed", one="no", every="yes")


def burned_in(records: StudyRecords, _: str) -> Contribution:
    return _all_or(records, "burned_in", one="yes", every="no")


def _all_or(records: StudyRecords, column: str, *, one: str, every: str) -> Contribution:
    """`one` where a single series of the patient says so, `every` where all do, else not_stated."""
    said = records.images.groupby("patient_key", sort=False)[column].agg(frozenset)
    codes = (one if one in codes else every if codes == {every} else "not_stated" for codes in said)
    return one_cell(said.index, codes)


def slice_thickness(records: StudyRecords, _: str) -> Contribution:
    stated = records.images[records.images["slice_thickness_mm"].notna()].drop_duplicates("patient_key")
    return buckets(imaging.SLICE_THICKNESS, stated["patient_key"], stated["slice_thickness_mm"].astype(float))


def field_strength(records: StudyRecords, _: str) -> Contribution:
    images = records.images
    stated = images[(images["modality"] == "MR") & images["field_strength_tesla"].notna()].drop_duplicates("patient_key")
    return buckets(imaging.FIELD_STRENGTH, stated["patient_key"], stated["field_strength_tesla"].astype(float))


def imaging_studies(records: StudyRecords, _: str) -> Contribution:
    return amounts(imaging.STUDIES, records.images.groupby("patient_key")["study_key"].nunique())


def image_series(records: StudyRecords, _: str) -> Contribution:
    return amounts(imaging.SERIES, records.images.groupby("patient_key").size())


def _age_band(age: float) -> str:
    if age != age:  # noqa: PLR0124 - NaN differs from itself
        return "not_stated"
    for upper, band in ((18, "0-17"), (40, "18-39"), (60, "40-59"), (80, "60-79")):
        if age < upper:
            return band
    return "80+"


def _year(day: object) -> str:
    if not isinstance(day, dt.date) or str(day) == "NaT":
        return "not_stated"
    year = str(day.year)
    if day.year < 2010:
        return "before-2010"
    return year if year in imaging.ACQUISITION_YEARS else "not_stated"


COLLECTORS: dict[str, Collector] = {
    imaging.SEX.id: sex,
    imaging.AGE_BAND.id: age_band,
    imaging.ACQUISITION_YEAR.id: acquisition_year,
    imaging.VENDOR.id: vendor,
    imaging.MODEL_CLASS.id: model_class,
    imaging.MODALITY.id: modality,
    imaging.BODY_PART.id: body_part,
    imaging.MR_SEQUENCE.id: mr_sequence,
    imaging.LATERALITY.id: laterality,
    imaging.IDENTITY_REMOVED.id: identity_removed,
    imaging.BURNED_IN.id: burned_in,
    imaging.SLICE_THICKNESS.id: slice_thickness,
    imaging.FIELD_STRENGTH.id: field_strength,
    imaging.STUDIES.id: imaging_studies,
    imaging.SERIES.id: image_series,
}
