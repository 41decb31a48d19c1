"""Lesions as a reader or a tool follows them: a table or log with a line for each lesion on each day. It never leaves the site.

What became of a patient's lesions between the last two days (found again, new, gone) is kept; names of
lesions, sizes and days are not.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from studyscope_contract.amount import amount
from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding, day_of
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.lesion_change import LesionChange
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.log_lines import log_lines
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, says_when_unavailable
from studyscope_exporter.sources.tables import LinesRead, PatientColumns, findings


class Columns(Strict):
    """What the columns are called; `issuer` and `size` may be left out."""

    patient: str = "PatientID"
    issuer: str | None = None
    lesion: str = Field(default="lesion", description="the lesion's name, the same on every day; empty: looked, and found none")
    day: str = "date"
    size: str | None = Field(default=None, description="a lesion whose size is 0 or empty is not there on that day")


class Settings(Strict):
    """Where the table is and how it is written."""

    name: Slug
    kind: Literal["lesions"]
    path: SitePath = Field(description="a CSV table, a workbook (.xlsx), or a tool's log as JSON lines (.jsonl)")
    columns: Columns = Columns()
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="column -> values; only lines with one of them count, as in a tool's type of finding"
    )
    encoding: Encoding = "utf-8"
    sheet: str = Field(default="", max_length=31, description="of an .xlsx workbook; its first one when left out")
    date_format: str = Field(default="%Y-%m-%d", description="as in Python's strptime; German dates are '%d.%m.%Y'")
    issuer: str = Field(default="", max_length=64, description="Issuer of Patient ID where a line names none")


@dataclass
class _Read(LinesRead):
    there: dict[bytes, dict[dt.date, set[str]]] = field(default_factory=dict, repr=False)

    def changes(self) -> dict[bytes, LesionChange]:
        """Of patients with two days or more."""
        changes = {}
        for patient, days in self.there.items():
            if len(days) > 1:
                before, now = (frozenset(days[day]) for day in sorted(days)[-2:])
                changes[patient] = LesionChange.between(before, now)
        return changes


@dataclass(frozen=True)
class LesionsSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        read = self._read()
        patients = amount(len(read.there), "patient")
        seen = f"{amount(read.rows, 'line')}, {patients}, {len(read.changes())} of them with two days or more"
        return findings(self.settings.path, seen, read.bad)

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        read = self._read()
        progress.total(read.rows)
        before, now = changes_in(inventory, self.name), read.changes()
        kept = {patient.hex(): change.counts() for patient, change in sorted(now.items())}
        inventory.keep_note(self.name, json.dumps(kept).encode())
        progress.advance(read.rows)
        new = sum(before.get(patient) != change for patient, change in now.items())
        gone = len(before.keys() - now.keys())
        return read.scanned(new, gone)

    def _read(self) -> _Read:
        settings, read = self.settings, _Read()
        named = [name for name in settings.columns.model_dump().values() if name is not None]
        lines = log_lines(settings.path, settings.encoding, [*named, *settings.where], settings.sheet)
        for line, row in read.counted(settings.path, lines):
            if row is None:
                read.refuse(line, "is no object")
            else:
                self._take(line, row, read)
        return read

    def _take(self, line: int, row: Mapping[str, str], read: _Read) -> None:
        settings, columns = self.settings, self.settings.columns
        if any(row[column] not in values for column, values in settings.where.items()):
            return
        named = PatientColumns(columns.patient, columns.issuer, settings.issuer)
        patient = read.patient(line, row, named, self.site.pseudonyms)
        if patient is None:
            return
        day = day_of(row[columns.day], settings.date_format)
        if day is None:
            read.refuse(line, f"the day is not as {settings.date_format}")
            return
        lesions = read.there.setdefault(patient, {}).setdefault(day, set())
        if row[columns.lesion] and (columns.size is None or _is_there(row[columns.size])):
            lesions.add(row[columns.lesion].casefold())


def _is_there(size: str) -> bool:
    """A size that is no number, as "not measurable", is of a lesion that is there."""
    try:
        return float(size.replace(",", ".") or 0) != 0.0
    except ValueError:
        return True


def changes_in(inventory: Inventory, source: str) -> Mapping[bytes, LesionChange]:
    """What became of each patient's lesions, as the last pass read it."""
    kept: dict[str, list[int]] = json.loads(inventory.note(source) or b"{}")
    return {bytes.fromhex(patient): LesionChange(*counts) for patient, counts in kept.items()}


def lesion_changes(inventory: Inventory, sources: Collection[str]) -> Mapping[bytes, LesionChange]:
    """The same over several tables; of a patient in two of them the one named last in the site file counts."""
    found: dict[bytes, LesionChange] = {}
    for source in sources:
        found |= changes_in(inventory, source)
    return found


def open_source(settings: Settings, site: SiteContext) -> LesionsSource:
    """The source that `settings` describe."""
    return LesionsSource(settings, site)
