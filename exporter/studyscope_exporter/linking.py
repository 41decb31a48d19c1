"""Whose record it is: links from a name or a field to a patient, study or series.

A label map, an nnU-Net case, a job carry no patient. What cannot be linked enters no patient table.

    LinkProblem    the list of links cannot be used; the message says what to change
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding, NamesColumns, TableProblem, rows_of
from studyscope_exporter.name_template import IDENTIFIERS, Identifier, NameTemplate
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import Key
from studyscope_exporter.site_path import SitePath

MOST_CSV_BYTES = 1 << 28


class LinkProblem(NamesColumns):
    """The file with the links cannot be used."""

    def __init__(self, path: Path, problem: str, there: Sequence[str] = ()) -> None:
        super().__init__(f"{path}: {problem}", there)
        self.path = path
        self.problem = problem


class PatternLink(Strict):
    """The name itself holds the identifier, as in `{PatientID}_{*}.nii.gz`; see NameTemplate."""

    by: Literal["pattern"]
    pattern: str = Field(max_length=500)
    issuer: str = Field(default="", max_length=64, description="Issuer of Patient ID; the site's default when left out")

    @field_validator("pattern")
    @classmethod
    def _is_a_template(cls, pattern: str) -> str:
        NameTemplate.parse(pattern)
        return pattern


class CsvLink(Strict):
    """A CSV table or .xlsx workbook with a column of names and a column of identifiers; read anew when it changes."""

    by: Literal["csv"]
    file: SitePath
    name_column: str
    column: str
    identifies: Identifier = "PatientID"
    issuer: str = Field(default="", max_length=64)
    encoding: Encoding = "utf-8"
    sheet: str = Field(default="", max_length=31, description="of an .xlsx workbook; its first one when left out")


class FieldLink(Strict):
    """A field of the record holds the identifier; a dot steps into an object: `conf.study_uid`."""

    by: Literal["field"]
    field: str = Field(max_length=200)
    identifies: Identifier = "PatientID"
    issuer: str = Field(default="", max_length=64)


class ContentLink(Strict):
    """DICOM objects say themselves whose they are: patient, study and the series that they were made of."""

    by: Literal["content"]


LinkSettings = Annotated[PatternLink | CsvLink | FieldLink, Field(discriminator="by")]


@dataclass(frozen=True, slots=True)
class Linked:
    """Whom a record belongs to; a study or series without a patient is linked once the inventory has it."""

    patient_key: Key | None = None
    study_key: Key | None = None
    series_key: Key | None = None

    def __bool__(self) -> bool:
        return self != Linked()


@dataclass(frozen=True)
class Link:
    """A link as settings describe it, with what it was read from; picklable, for readers in other processes.

    `digest` changes whenever another outcome is possible, so that records are linked anew.
    """

    settings: PatternLink | CsvLink | FieldLink | ContentLink | None
    pseudonyms: Pseudonyms
    template: NameTemplate | None
    identifiers: Mapping[str, str]
    digest: bytes

    @classmethod
    def opened(cls, settings: PatternLink | CsvLink | FieldLink | ContentLink | None, pseudonyms: Pseudonyms) -> Link:
        """Reads what the link needs; raises LinkProblem."""
        if settings is None:
            return cls(None, pseudonyms, None, {}, b"")
        digest = hashlib.blake2b(settings.model_dump_json().encode(), digest_size=16)
        template = NameTemplate.parse(settings.pattern) if isinstance(settings, PatternLink) else None
        identifiers: dict[str, str] = {}
        if isinstance(settings, CsvLink):
            raw = _csv_bytes(settings.file)
            digest.update(raw)
            identifiers = _csv_links(raw, settings)
        return cls(settings, pseudonyms, template, identifiers, digest.digest())

    def of(self, names: Iterable[str], fields: Mapping[str, object] | None = None) -> Linked:
        """Whom the record with one of these names (the most exact first) or with these fields belongs to."""
        for name in names:
            found = self._stated(name)
            if found:
                return self._linked(found)
        if isinstance(self.settings, FieldLink) and fields is not None:
            return self._linked({self.settings.identifies: field_text(fields, self.settings.field)})
        return Linked()

    def _stated(self, name: str) -> Mapping[str, str]:
        if self.template is not None:
            return self.template.match(name)
        if isinstance(self.settings, CsvLink) and name in self.identifiers:
            return {self.settings.identifies: self.identifiers[name]}
        return {}

    def _linked(self, stated: Mapping[str, str]) -> Linked:
        assert isinstance(self.settings, PatternLink | CsvLink | FieldLink)
        patient_id, study, series = (stated.get(name, "").strip() for name in IDENTIFIERS)
        return Linked(
            patient_key=self.pseudonyms.patient(patient_id, self.settings.issuer) if patient_id else None,
            study_key=self.pseudonyms.study(study) if study else None,
            series_key=self.pseudonyms.series(series) if series else None,
        )


def field_value(fields: Mapping[str, object], dotted: str) -> object:
    """What stands at a dotted name; a column of a table may have the dot in its own name."""
    if dotted in fields:
        return fields[dotted]
    value: object = fields
    for step in dotted.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def field_text(fields: Mapping[str, object], dotted: str) -> str:
    """The text or number at a dotted name, "" where there is none."""
    value = field_value(fields, dotted)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)


def _csv_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_CSV_BYTES:
            raise LinkProblem(path, "is larger than 256 MiB; is it the right file?")
        return path.read_bytes()
    except OSError as error:
        raise LinkProblem(path, f"cannot be read ({os.strerror(error.errno or 0)})") from None


def _csv_links(raw: bytes, settings: CsvLink) -> dict[str, str]:
    links: dict[str, str] = {}
    try:
        for line, row in rows_of(raw, settings.encoding, (settings.name_column, settings.column), settings.sheet):
            name, identifier = row[settings.name_column], row[settings.column]
            if name and identifier and links.setdefault(name, identifier) != identifier:
                raise LinkProblem(settings.file, f"line {line} links a name a second time, to something else; remove one")
    except TableProblem as problem:
        raise LinkProblem(settings.file, str(problem), problem.there) from None
    return links
