"""What annotation took: a log with a line for each session on a case, as JSON lines, a CSV table or an .xlsx workbook.

Who annotated is kept as a keyed hash, only to tell that five or more did. Minutes never leave the site.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, field_validator

from studyscope_contract.amount import amount
from studyscope_contract.catalogue.annotation import INTERACTIONS
from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.annotation_effort import AnnotationEffort
from studyscope_exporter.csv_table import Encoding
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.linking import FieldLink, Link, LinkProblem, LinkSettings
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.case_results import case_name
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.log_lines import log_lines, number_of
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable, says_when_unavailable
from studyscope_exporter.sources.tables import LinesRead, findings, readable

_PATIENT = FieldLink(by="field", field="PatientID")


class Columns(Strict):
    """What the columns are called; all but `case` may be left out."""

    case: str = "case"
    reader: str | None = Field(default=None, description="who annotated; without it nothing of the log leaves the site")
    round: str | None = None
    interaction: str | None = None
    draft_dice: str | None = Field(default=None, description="Dice coefficient of the draft and the final annotation, 0 to 1")
    minutes: str | None = Field(default=None, description="for this line; the site's own screens only")


class Settings(Strict):
    """Where the log is and how it is written."""

    name: Slug
    kind: Literal["annotation"]
    path: SitePath
    columns: Columns = Columns()
    interactions: dict[str, str] = Field(
        default_factory=dict, description=f"the tool's word -> one of {', '.join(INTERACTIONS)}; these are known"
    )
    link: LinkSettings = Field(default=_PATIENT, description="whose a case is; the column PatientID when left out")
    encoding: Encoding = "utf-8"

    @field_validator("interactions")
    @classmethod
    def _known_codes(cls, interactions: dict[str, str]) -> dict[str, str]:
        for code in interactions.values():
            if code not in INTERACTIONS:
                raise ValueError(f"unknown interaction {code!r}; allowed: {', '.join(INTERACTIONS)}")
        return {word.casefold().strip(): code for word, code in interactions.items()}


@dataclass
class _Case:
    lines: int = 0
    round: int = 0
    interactions: set[str] = field(default_factory=set)
    draft_dice: float | None = None
    minutes: float | None = None
    readers: set[str] = field(default_factory=set, repr=False)


@dataclass
class _Read(LinesRead):
    cases: dict[bytes, _Case] = field(default_factory=dict, repr=False)
    unlinked: int = 0


@dataclass(frozen=True)
class AnnotationSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    @says_when_unavailable
    def check(self) -> list[Finding]:
        read = self._read(None)
        readers = {reader for case in read.cases.values() for reader in case.readers}
        who = f"{amount(len(read.cases), 'patient')}, {amount(len(readers), 'reader')}"
        seen = f"{amount(read.rows, 'line')}, {who}, {amount(read.unlinked, 'line')} without a patient"
        return findings(self.settings.path, seen, read.bad)

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        read = self._read(inventory)
        progress.total(read.rows)
        old = json.loads(inventory.note(self.name) or b"{}")
        now = {patient.hex(): _kept(case) for patient, case in sorted(read.cases.items())}
        inventory.keep_note(self.name, json.dumps(now).encode())
        progress.advance(read.rows)
        new, gone = sum(old.get(patient) != case for patient, case in now.items()), len(old.keys() - now.keys())
        return read.scanned(new, gone, read.unlinked)

    def _read(self, inventory: Inventory | None) -> _Read:
        settings, read = self.settings, _Read()
        named = [name for name in settings.columns.model_dump().values() if name is not None]
        named += [settings.link.field] if isinstance(settings.link, FieldLink) else []
        with readable(settings.path):
            try:
                link = Link.opened(settings.link, self.site.pseudonyms)
            except LinkProblem as problem:
                raise SourceUnavailable(str(problem), temporary=False) from None
        for line, row in read.counted(settings.path, log_lines(settings.path, settings.encoding, named)):
            if row is None:
                read.refuse(line, "is no object of JSON")
            else:
                self._take(line, row, link, inventory, read)
        return read

    def _take(self, line: int, row: Mapping[str, str], link: Link, inventory: Inventory | None, read: _Read) -> None:
        columns, name = self.settings.columns, row[self.settings.columns.case]
        linked = link.of((case_name(name), name), row)
        patient = linked.patient_key or (inventory and inventory.patient_of(linked.series_key, linked.study_key))
        if not patient:
            read.unlinked += 1
            return
        case = read.cases.setdefault(patient, _Case())
        case.lines += 1
        for column, most, what in (("round", 1e6, "round"), ("draft_dice", 1.0, "Dice coefficient"), ("minutes", 1e5, "minutes")):
            text = row[getattr(columns, column)] if getattr(columns, column) else ""
            value = number_of(text)
            if value is not None and value <= most:
                _add(case, column, value)
            elif text:
                read.refuse(line, f"the {what} is no number from 0 to {most:g}")
        if columns.interaction and row[columns.interaction]:
            word = row[columns.interaction].casefold()
            case.interactions.add(self.settings.interactions.get(word, word if word in INTERACTIONS else "other"))
        if columns.reader and row[columns.reader]:
            case.readers.add(self.site.pseudonyms.path(f"reader\0{row[columns.reader].casefold()}".encode()).hex())


def _add(case: _Case, column: str, value: float) -> None:
    match column:
        case "round":
            case.round = max(case.round, int(value))
        case "draft_dice":
            case.draft_dice = value
        case _:
            case.minutes = (case.minutes or 0.0) + value


def _kept(case: _Case) -> dict[str, Any]:
    rounds = case.round or case.lines
    return {
        "rounds": rounds,
        "interactions": sorted(case.interactions),
        "draft_dice": case.draft_dice,
        "minutes": case.minutes,
        "readers": sorted(case.readers),
    }


def efforts_in(inventory: Inventory, source: str) -> Mapping[bytes, AnnotationEffort]:
    """What annotating each patient took, as the last pass read it."""
    kept: dict[str, dict[str, Any]] = json.loads(inventory.note(source) or b"{}")
    return {
        bytes.fromhex(patient): AnnotationEffort(
            said["rounds"], frozenset(said["interactions"]), said["draft_dice"], said["minutes"], frozenset(said["readers"])
        )
        for patient, said in kept.items()
    }


def annotation_efforts(inventory: Inventory, sources: Collection[str]) -> Mapping[bytes, AnnotationEffort]:
    """The same over several logs; of a patient in two of them the one named last in the site file counts."""
    found: dict[bytes, AnnotationEffort] = {}
    for source in sources:
        found |= efforts_in(inventory, source)
    return found


def open_source(settings: Settings, site: SiteContext) -> AnnotationSource:
    """The source that `settings` describe."""
    return AnnotationSource(settings, site)
