"""The site's list of expected patients: a CSV table, also as REDCap exports it. It never leaves the site.

With it the site sees who is missing and who is unexpected (`cases`), and how many patients with images
are on the list becomes a table like any other.
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
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, says_when_unavailable
from studyscope_exporter.sources.tables import LinesRead, PatientColumns, findings, table_lines


class Columns(Strict):
    """What the columns are called; `issuer` and `due` may be left out."""

    patient: str = "PatientID"
    issuer: str | None = None
    due: str | None = Field(default=None, description="day by which images are expected; later ones are not missing yet")


class Settings(Strict):
    """Where the list is and how it is written."""

    name: Slug
    kind: Literal["roster"]
    path: SitePath
    columns: Columns = Columns()
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="column -> values; only lines with one of them count, as in redcap_event_name"
    )
    encoding: Encoding = "utf-8"
    sheet: str = Field(default="", max_length=31, description="of an .xlsx workbook; its first one when left out")
    date_format: str = Field(default="%Y-%m-%d", description="as in Python's strptime; German dates are '%d.%m.%Y'")
    issuer: str = Field(default="", max_length=64, description="Issuer of Patient ID where a line names none")


@dataclass(frozen=True)
class Expected:
    """One patient of the list; `due` None: expected by now."""

    key: bytes
    patient_id: str = field(repr=False)
    due: dt.date | None


@dataclass
class _Read(LinesRead):
    expected: dict[bytes, Expected] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class RosterSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        read = self._read()
        return findings(self.settings.path, f"{amount(read.rows, 'line')}, {amount(len(read.expected), 'patient')}", read.bad)

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        read = self._read()
        progress.total(read.rows)
        before = set(patients_on(inventory, self.name))
        kept = {key.hex(): one.due and one.due.isoformat() for key, one in sorted(read.expected.items())}
        inventory.keep_note(self.name, json.dumps(kept).encode())
        progress.advance(read.rows)
        new, gone = len(read.expected.keys() - before), len(before - read.expected.keys())
        return read.scanned(new, gone)

    def patients(self) -> Mapping[bytes, Expected]:
        """Everybody on the list, read anew; raises SourceUnavailable."""
        return self._read().expected

    def _read(self) -> _Read:
        settings, read = self.settings, _Read()
        named = [name for name in settings.columns.model_dump().values() if name is not None]
        lines = table_lines(settings.path, settings.encoding, [*named, *settings.where], settings.sheet)
        for line, row in read.counted(settings.path, lines):
            self._take(line, row, read)
        return read

    def _take(self, line: int, row: Mapping[str, str], read: _Read) -> None:
        settings, columns = self.settings, self.settings.columns
        if any(row[column] not in values for column, values in settings.where.items()):
            return
        named = PatientColumns(columns.patient, columns.issuer, settings.issuer)
        key = read.patient(line, row, named, self.site.pseudonyms)
        if key is None:
            return
        due = None
        if columns.due and row[columns.due]:
            due = day_of(row[columns.due], settings.date_format)
            if due is None:
                read.refuse(line, f"the day is not as {settings.date_format}; taken as expected by now")
        # A REDCap export has a line per event; the first day counts.
        known = read.expected.get(key)
        if known is None or (known.due is not None and (due is None or due < known.due)):
            read.expected[key] = Expected(key, row[columns.patient], due)


def patients_on(inventory: Inventory, source: str) -> Mapping[bytes, dt.date | None]:
    """Who was on the list at the last pass, with the day by which images are expected."""
    kept: dict[str, str | None] = json.loads(inventory.note(source) or b"{}")
    return {bytes.fromhex(key): dt.date.fromisoformat(due) if due else None for key, due in kept.items()}


def expected_patients(inventory: Inventory, sources: Collection[str]) -> Mapping[bytes, dt.date | None] | None:
    """Everybody on the lists of `sources`; None where there is no list that was ever read."""
    read = [source for source in sources if inventory.note(source)]
    if not read:
        return None
    everybody: dict[bytes, dt.date | None] = {}
    for source in read:
        everybody |= patients_on(inventory, source)
    return everybody


def open_source(settings: Settings, site: SiteContext) -> RosterSource:
    """The source that `settings` describe."""
    return RosterSource(settings, site)
