"""Images that are not DICOM (NIfTI, PNG, JPEG), described by a metadata table: one line a series."""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from studyscope_contract.amount import amount
from studyscope_contract.names import Slug
from studyscope_contract.vocabulary import SEXES, load_code_list
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding, day_of
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.records import ImagingSeries
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable, says_when_unavailable
from studyscope_exporter.sources.tables import LinesRead, findings, readable, table_lines

OLDEST = 130


class Columns(Strict):
    """What the columns are called; what is None is in no column."""

    file: str = Field(default="file", description="path of the image below `path`")
    patient: str = "PatientID"
    issuer: str | None = None
    study: str | None = Field(default=None, description="identifier of the examination; one per patient and day when left out")
    modality: str | None = "Modality"
    date: str | None = None
    sex: str | None = None
    age: str | None = Field(default=None, description="years")
    manufacturer: str | None = None
    model: str | None = None
    body_part: str | None = None
    slice_thickness: str | None = None
    field_strength: str | None = None


class Settings(Strict):
    """Where the images and their table are."""

    name: Slug
    kind: Literal["images"]
    path: SitePath = Field(description="folder of the images")
    table: SitePath = Field(description="CSV table or .xlsx workbook with a line for each image")
    columns: Columns = Columns()
    modality: str = Field(default="", max_length=16, description="for all images, where no column says it")
    encoding: Encoding = "utf-8"
    sheet: str = Field(default="", max_length=31, description="of an .xlsx workbook; its first one when left out")
    date_format: str = Field(default="%Y-%m-%d", description="as in Python's strptime")
    issuer: str = Field(default="", max_length=64, description="Issuer of Patient ID where a line names none")


@dataclass
class _Read(LinesRead):
    series: dict[bytes, ImagingSeries] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ImagesSource:
    """The source of that kind; see Source. Images without a line, and lines without an image, count nowhere."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        read = self._read()
        return findings(self.settings.table, f"{amount(read.rows, 'line')}, {amount(len(read.series), 'image')}", read.bad)

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        read = self._read()
        progress.total(read.rows)
        before = inventory.items(self.name)
        if before and not read.series:
            raise SourceUnavailable(
                f"{self.settings.path}: not one of the images is there any more. Is the share mounted? To let them go on "
                "purpose, take the source out of the site file",
                temporary=True,
            )
        with inventory.batch():
            for item, series in read.series.items():
                inventory.put(self.name, item, [series])
                progress.advance()
            gone = before - read.series.keys()
            for item in gone:
                inventory.remove(self.name, item)
        new = len(read.series.keys() - before)
        return read.scanned(new, len(gone))

    def identifiers(self, items: Collection[bytes]) -> dict[bytes, str]:
        """Paths of the images, from the folder as it is now."""
        root, site = os.fspath(self.settings.path), self.site.pseudonyms
        keys = ((site.path(os.fsencode(f"{self.settings.name}\0{name}")), name) for name in _files_below(root))
        return {key: os.path.join(root, name) for key, name in keys if key in items}  # noqa: PTH118

    def patient_ids(self, items: Collection[bytes]) -> dict[bytes, str]:
        """From the table as it is now."""
        settings, columns, site = self.settings, self.settings.columns, self.site.pseudonyms
        try:
            with readable(settings.table):
                rows = list(table_lines(settings.table, settings.encoding, [columns.file, columns.patient], settings.sheet))
        except SourceUnavailable:
            return {}
        keys = ((site.path(os.fsencode(f"{self.name}\0{os.path.normpath(row[columns.file] or '.')}")), row) for _, row in rows)
        return {key: row[columns.patient] for key, row in keys if key in items}

    def _read(self) -> _Read:
        settings, read = self.settings, _Read()
        wanted = [name for name in settings.columns.model_dump().values() if name is not None]
        with readable(settings.table):
            there = _files_below(os.fspath(settings.path))
        for line, row in read.counted(settings.table, table_lines(settings.table, settings.encoding, wanted, settings.sheet)):
            self._take(line, row, there, read)
        return read

    def _take(self, line: int, row: Mapping[str, str], there: frozenset[str], read: _Read) -> None:
        columns, site = self.settings.columns, self.site.pseudonyms
        name, patient = os.path.normpath(row[columns.file] or "."), row[columns.patient]
        if not patient:
            read.refuse(line, "names no patient")
            return
        if name not in there:
            read.refuse(line, "the image is not in the folder; mend the path or take out the line")
            return
        day, issuer = self._day(line, row, read), _of(row, columns.issuer) or self.settings.issuer
        study = _of(row, columns.study) or f"{issuer}\0{patient}\0{day}"
        sex = _of(row, columns.sex).upper()[:1]
        item = site.path(os.fsencode(f"{self.settings.name}\0{name}"))
        read.series[item] = ImagingSeries(
            series_key=site.series(f"{self.settings.name}\0{name}"),
            study_key=site.study(study),
            patient_key=site.patient(patient, issuer),
            modality=load_code_list("modality").code(_of(row, columns.modality) or self.settings.modality),
            vendor=load_code_list("vendor").code(_of(row, columns.manufacturer)),
            model_class=load_code_list("model_class").code(_of(row, columns.model)),
            body_part=load_code_list("body_part").code(_of(row, columns.body_part)),
            sex=sex if sex in SEXES else "not_stated",
            age_years=_years(_of(row, columns.age)),
            acquired_on=day,
            slice_thickness_mm=_positive(_of(row, columns.slice_thickness)),
            field_strength_tesla=_positive(_of(row, columns.field_strength)),
            identity_removed="not_stated",
            burned_in="not_stated",
            synthetic=False,
        )

    def _day(self, line: int, row: Mapping[str, str], read: _Read) -> dt.date | None:
        text = _of(row, self.settings.columns.date)
        day = day_of(text, self.settings.date_format)
        if text and day is None:
            read.refuse(line, f"the day is not as {self.settings.date_format}; taken as not stated")
        return day


def _files_below(root: str) -> frozenset[str]:
    """Relative paths of all files; raises OSError where `root` cannot be listed."""
    os.scandir(root).close()
    return frozenset(os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names)  # noqa: PTH118


def _of(row: Mapping[str, str], column: str | None) -> str:
    return row[column] if column else ""


def _years(text: str) -> int | None:
    number = _positive(text.rstrip("yY")) if text else None
    return int(number) if number is not None and number <= OLDEST else None


def _positive(text: str) -> float | None:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def open_source(settings: Settings, site: SiteContext) -> ImagesSource:
    """The source that `settings` describe."""
    return ImagesSource(settings, site)
