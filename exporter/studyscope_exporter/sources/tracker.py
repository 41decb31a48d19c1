"""The progress table that the site fills in by hand today: a CSV table or .xlsx workbook with a column for each stage.

It adds to what is found: a patient with images whom the table marks has reached that stage. At the
centre the kind of source says that a person filled it in.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, field_validator

from studyscope_contract.amount import amount
from studyscope_contract.names import Slug
from studyscope_contract.vocabulary import STAGES
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, says_when_unavailable
from studyscope_exporter.sources.tables import LinesRead, PatientColumns, findings, table_lines


class Settings(Strict):
    """Where the table is and what its columns mean."""

    name: Slug
    kind: Literal["tracker"]
    path: SitePath
    patient: str = Field(default="PatientID", description="column with the patient's identifier")
    issuer_column: str | None = None
    stages: dict[str, str] = Field(min_length=1, description="stage of the study -> column that says so")
    no: tuple[str, ...] = Field(
        default=("", "0", "no", "nein", "non", "-", "open"), description="what stands there while it is not so; else it is"
    )
    encoding: Encoding = "utf-8"
    sheet: str = Field(default="", max_length=31, description="of an .xlsx workbook; its first one when left out")
    issuer: str = Field(default="", max_length=64, description="Issuer of Patient ID where a line names none")

    @field_validator("stages")
    @classmethod
    def _are_stages(cls, stages: dict[str, str]) -> dict[str, str]:
        for stage in stages:
            if stage not in STAGES or stage == "imaged":
                raise ValueError(f"unknown stage {stage!r}; allowed: {', '.join(STAGES[1:])} (imaged needs images)")
        return stages


@dataclass
class _Read(LinesRead):
    reached: dict[str, set[bytes]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class TrackerSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        read = self._read()
        return findings(self.settings.path, amount(read.rows, "line"), read.bad)

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        read = self._read()
        progress.total(read.rows)
        kept = {stage: sorted(key.hex() for key in patients) for stage, patients in sorted(read.reached.items())}
        note = json.dumps(kept).encode()
        changed = note != inventory.note(self.name)
        inventory.keep_note(self.name, note)
        progress.advance(read.rows)
        return read.scanned(read.rows if changed else 0)

    def _read(self) -> _Read:
        settings, read = self.settings, _Read()
        columns = [settings.patient, *([settings.issuer_column] if settings.issuer_column else []), *settings.stages.values()]
        for line, row in read.counted(settings.path, table_lines(settings.path, settings.encoding, columns, settings.sheet)):
            self._take(line, row, read)
        return read

    def _take(self, line: int, row: Mapping[str, str], read: _Read) -> None:
        settings = self.settings
        named = PatientColumns(settings.patient, settings.issuer_column, settings.issuer)
        key = read.patient(line, row, named, self.site.pseudonyms)
        if key is None:
            return
        for stage, column in settings.stages.items():
            if row[column].casefold() not in settings.no:
                read.reached.setdefault(stage, set()).add(key)


def tracked_stages(inventory: Inventory, source: str) -> Mapping[str, frozenset[bytes]]:
    """Who reached which stage by the table, as it was at the last pass."""
    kept: dict[str, list[str]] = json.loads(inventory.note(source) or b"{}")
    return {stage: frozenset(bytes.fromhex(key) for key in patients) for stage, patients in kept.items()}


def tracked_patients(inventory: Inventory, sources: Collection[str]) -> Mapping[str, frozenset[bytes]]:
    """Who reached which stage by any of the tables of `sources`."""
    reached: dict[str, frozenset[bytes]] = {}
    for source in sources:
        for stage, patients in tracked_stages(inventory, source).items():
            reached[stage] = reached.get(stage, frozenset()) | patients
    return reached


def open_source(settings: Settings, site: SiteContext) -> TrackerSource:
    """The source that `settings` describe."""
    return TrackerSource(settings, site)
