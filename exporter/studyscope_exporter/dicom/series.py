"""From a header to the series it belongs to: every text becomes a code, a number or a date here."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Protocol

from studyscope_contract.code_list import NOT_STATED, OTHER
from studyscope_contract.vocabulary import SEXES, load_code_list
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import ImagingSeries

_AGE = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}
_OLDEST = 130


class Stated(Protocol):
    """Attributes by keyword, of a file's header or of a server's answer."""

    def text(self, keyword: str) -> str | None:
        """The value as text, "" when empty, None when the attribute is not there."""


def imaging_series(header: Stated, pseudonyms: Pseudonyms) -> ImagingSeries:
    """The series of the instance that says this. Raises Unreadable where it says no series, study or patient."""
    patient, study, series = (_stated(header, name) for name in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID"))
    if not (study and series):
        raise Unreadable(Reason.NO_IDENTITY)
    if not patient:
        raise Unreadable(Reason.NO_PATIENT)
    sex = _stated(header, "PatientSex")
    modality = load_code_list("modality").code(_stated(header, "Modality"))
    days = (_day(_stated(header, name)) for name in ("AcquisitionDate", "SeriesDate", "StudyDate"))
    return ImagingSeries(
        series_key=pseudonyms.series(series),
        study_key=pseudonyms.study(study),
        patient_key=pseudonyms.patient(patient, _stated(header, "IssuerOfPatientID")),
        modality=modality,
        vendor=load_code_list("vendor").code(_stated(header, "Manufacturer")),
        model_class=load_code_list("model_class").code(_stated(header, "ManufacturerModelName")),
        body_part=load_code_list("body_part").code(_stated(header, "BodyPartExamined")),
        sex=sex if sex in SEXES else "not_stated",
        age_years=_age(header),
        acquired_on=next((day for day in days if day), None),
        slice_thickness_mm=_positive(_stated(header, "SliceThickness")),
        field_strength_tesla=_positive(_stated(header, "MagneticFieldStrength")),
        identity_removed=_yes_or_no(_stated(header, "PatientIdentityRemoved")),
        burned_in=_yes_or_no(_stated(header, "BurnedInAnnotation")),
        synthetic=_stated(header, "SyntheticData") == "YES",
        laterality=load_code_list("laterality").code(_stated(header, "Laterality") or _stated(header, "ImageLaterality")),
        mr_sequence=_mr_sequence(header, modality),
    )


def _stated(header: Stated, keyword: str) -> str:
    return (header.text(keyword) or "").strip()


def _mr_sequence(header: Stated, modality: str) -> str:
    """The kind of MR sequence that people wrote down; what the description does not tell, the protocol's name may."""
    if modality != "MR":
        return NOT_STATED
    kinds = load_code_list("mr_sequence")
    codes = [kinds.code(_stated(header, name)) for name in ("SeriesDescription", "ProtocolName")]
    return next((code for code in codes if code not in (OTHER, NOT_STATED)), codes[0])


def _age(header: Stated) -> int | None:
    """PatientAge, else the years between PatientBirthDate and StudyDate; None when neither is sensible."""
    match = _AGE.fullmatch(_stated(header, "PatientAge"))
    if match:
        years = int(int(match[1]) / _PER_YEAR[match[2]])
        return years if years <= _OLDEST else None
    born, seen = _day(_stated(header, "PatientBirthDate")), _day(_stated(header, "StudyDate"))
    if born is None or seen is None:
        return None
    years = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    return years if 0 <= years <= _OLDEST else None


def _day(text: str) -> dt.date | None:
    """A DA value (PS3.5 6.2); the old form with dots too."""
    digits = text.replace(".", "") if len(text) == 10 else text
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _positive(text: str) -> float | None:
    """The first DS value (PS3.5 6.2) where it is a positive number."""
    try:
        number = float(text.split("\\", maxsplit=1)[0])
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _yes_or_no(text: str) -> str:
    return {"YES": "yes", "NO": "no"}.get(text, "not_stated")
