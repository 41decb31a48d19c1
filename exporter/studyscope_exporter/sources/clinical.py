"""Clinical variables of patients: a CSV table, also as REDCap exports it. It never leaves the site.

What a line says of a variable is kept sealed as it stands there, so that a study file with another code
list needs no other table. Only whether a variable is there, and has a code, becomes a table.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from studyscope_contract.amount import amount
from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, says_when_unavailable
from studyscope_exporter.sources.tables import LinesRead, PatientColumns, findings, table_lines

LONGEST_VALUE = 200
Values = Mapping[str, tuple[str, ...]]
"""What the lines of one patient say, in their order: by the study's variable."""


class Settings(Strict):
    """Where the table is and which column holds which variable."""

    name: Slug
    kind: Literal["clinical"]
    path: SitePath
    patient: str = Field(default="PatientID", description="column with the patient's identifier")
    issuer_column: str | None = None
    variables: dict[Slug, str] = Field(min_length=1, max_length=50, description="variable of the study -> column that holds it")
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="column -> values; only lines with one of them count, as in redcap_event_name"
    )
    encoding: Encoding = "utf-8"
    sheet: str = Field(default="", max_length=31, description="of an .xlsx workbook; its first one when left out")
    issuer: str = Field(default="", max_length=64, description="Issuer of Patient ID where a line names none")


@dataclass
class _Read(LinesRead):
    said: dict[bytes, dict[str, list[str]]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ClinicalSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        read = self._read()
        filled = ", ".join(
            f"{variable} of {sum(bool(said[variable]) for said in read.said.values())}" for variable in self.settings.variables
        )
        return findings(
            self.settings.path, f"{amount(read.rows, 'line')}, {amount(len(read.said), 'patient')}; {filled}", read.bad
        )

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        read = self._read()
        progress.total(read.rows)
        before = inventory.note(self.name)
        old = json.loads(before or b"{}")
        now = {patient.hex(): said for patient, said in sorted(read.said.items())}
        inventory.keep_note(self.name, json.dumps(now).encode())
        progress.advance(read.rows)
        new, gone = sum(old.get(patient) != said for patient, said in now.items()), len(old.keys() - now.keys())
        return read.scanned(new, gone)

    def _read(self) -> _Read:
        settings, read = self.settings, _Read()
        named = [settings.patient, *([settings.issuer_column] if settings.issuer_column else []), *settings.variables.values()]
        lines = table_lines(settings.path, settings.encoding, [*named, *settings.where], settings.sheet)
        for line, row in read.counted(settings.path, lines):
            self._take(line, row, read)
        return read

    def _take(self, line: int, row: Mapping[str, str], read: _Read) -> None:
        settings = self.settings
        if any(row[column] not in values for column, values in settings.where.items()):
            return
        named = PatientColumns(settings.patient, settings.issuer_column, settings.issuer)
        patient = read.patient(line, row, named, self.site.pseudonyms)
        if patient is None:
            return
        said = read.said.setdefault(patient, {variable: [] for variable in settings.variables})
        for variable, column in settings.variables.items():
            if row[column]:
                said[variable].append(row[column][:LONGEST_VALUE])


def values_in(inventory: Inventory, source: str) -> Mapping[bytes, Values]:
    """What the table said of each patient at the last pass."""
    kept: dict[str, dict[str, list[str]]] = json.loads(inventory.note(source) or b"{}")
    return {bytes.fromhex(patient): {name: tuple(texts) for name, texts in said.items()} for patient, said in kept.items()}


def clinical_values(inventory: Inventory, sources: Collection[str]) -> Mapping[str, Mapping[bytes, tuple[str, ...]]] | None:
    """By variable, what the tables of `sources` say of each patient; None where no table was ever read.

    A variable that no table has a column for is not in it.
    """
    read = [source for source in sources if inventory.note(source)]
    if not read:
        return None
    found: dict[str, dict[bytes, tuple[str, ...]]] = {}
    for source in read:
        for patient, said in values_in(inventory, source).items():
            for variable, texts in said.items():
                of_variable = found.setdefault(variable, {})
                of_variable[patient] = (*of_variable.get(patient, ()), *texts)
    return found


def open_source(settings: Settings, site: SiteContext) -> ClinicalSource:
    """The source that `settings` describe."""
    return ClinicalSource(settings, site)
