"""What a study's protocol asks of a patient's data: time points, DICOM attributes and clinical variables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from studyscope_contract.catalogue.subgroups import SUBGROUP_CODES
from studyscope_contract.names import Code, Slug, Text
from studyscope_contract.yaml_file import Strict

Attribute = Literal[
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "BodyPartExamined",
    "Laterality",
    "PatientSex",
    "PatientAge",
    "AcquisitionDate",
    "SliceThickness",
    "MagneticFieldStrength",
    "PatientIdentityRemoved",
    "BurnedInAnnotation",
]
"""DICOM attributes whose completeness a study can ask for, by their keywords (PS3.6)."""


class TimePoint(Strict):
    """A visit of the protocol: so many days after a patient's first images of the study, give or take a window."""

    id: Slug
    title: Text
    day: int = Field(ge=0, le=36_500, description="days after the patient's first images of the study")
    window: int = Field(default=7, ge=0, le=3_650, description="days before and after it at which images still belong to it")

    @property
    def last_day(self) -> int:
        return self.day + self.window


class Variable(Strict):
    """A clinical variable, and which spellings in a site's table mean which of its codes."""

    id: Slug
    title: Text
    codes: dict[Code, tuple[Text, ...]] = Field(min_length=1, max_length=100, description="code -> spellings; the code is one")
    missing: tuple[str, ...] = Field(default=(), max_length=50, description="texts that mean that nothing is known, as -9 or n/a")

    def code(self, text: str) -> str | None:
        """The code of a site's text, "" where it says nothing, None where it means no code."""
        if not text.strip() or spelled(text) in map(spelled, self.missing):
            return ""
        return self.spellings.get(spelled(text))

    @property
    def spellings(self) -> Mapping[str, str]:
        return {spelled(name): code for code, names in self.codes.items() for name in (code, *names)}


class Subgroup(Variable):
    """A clinical variable by whose groups outcomes are told: `a` to `e`, the first spelling of each being its name for people."""

    @field_validator("codes")
    @classmethod
    def _are_letters(cls, codes: dict[Code, tuple[Text, ...]]) -> dict[Code, tuple[Text, ...]]:
        if list(codes) != list(SUBGROUP_CODES[: len(codes)]):
            raise ValueError(f"call the groups {', '.join(SUBGROUP_CODES)}, in this order, at most five")
        if nameless := [letter for letter, spellings in codes.items() if not spellings]:
            raise ValueError(f"say what group {', '.join(nameless)} is: its spellings in the sites' tables, the name first")
        return codes


def spelled(text: str) -> str:
    """How spellings of a clinical value are compared: not by case or space. Signs count, as in ER+ and ER-."""
    return " ".join(text.casefold().split())


def _one_after_the_other(points: tuple[TimePoint, ...]) -> tuple[TimePoint, ...]:
    for earlier, later in pairwise(points):
        if later.day - later.window <= earlier.last_day:
            first_free = earlier.last_day + 1
            raise ValueError(
                f"time point {later.id!r} begins before {earlier.id!r} has ended; name them in the order of their days, "
                f"and let day - window of {later.id!r} be at least {first_free}"
            )
    _refuse_twice("time point", [point.id for point in points])
    return points


def _each_spelling_once(variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    _refuse_twice("variable", [variable.id for variable in variables])
    for variable in variables:
        names = {code: {spelled(name) for name in (code, *names)} for code, names in variable.codes.items()}
        every = [name for spellings in names.values() for name in spellings] + [*map(spelled, variable.missing)]
        _refuse_twice(f"spelling of variable {variable.id!r}", every)
    return variables


def _each_once(attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    _refuse_twice("attribute", list(attributes))
    return attributes


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} appears twice: {', '.join(twice)}")


TimePoints = Annotated[tuple[TimePoint, ...], AfterValidator(_one_after_the_other)]
Variables = Annotated[tuple[Variable, ...], AfterValidator(_each_spelling_once)]
Attributes = Annotated[tuple[Attribute, ...], AfterValidator(_each_once)]


def attribute_id(keyword: str) -> str:
    """How a label spells a DICOM keyword: `slice-thickness` for SliceThickness."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", keyword).lower()
