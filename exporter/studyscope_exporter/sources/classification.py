"""Decisions of a classifier or detector, one a case: a table (CSV, .xlsx), or a JSON list of objects (or an object by case)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding, TableProblem, rows_of
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.linking import FieldLink, Link, LinkSettings, field_text
from studyscope_exporter.records import Classification
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.case_results import BadResults, CaseResults, ResultsFile, case_name, parsed_json
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult
from studyscope_exporter.structures import structure_name

Rows = Iterator[tuple[int, Mapping[str, Any]]]


class Columns(Strict):
    """What columns (or fields of a JSON object) are called; those left out are not there."""

    case: str = "case"
    predicted: str = Field(default="predicted", description="the class that was decided on")
    score: str | None = Field(default=None, description="0 to 1, of the class that the study calls positive")
    reference: str | None = Field(default=None, description="the true class; empty where nobody knows it")
    confidence: str | None = Field(default=None, description="0 to 1, in the class decided on; left out: it follows from `score`")
    uncertainty: str | None = Field(default=None, description="0 to 1, instead of `confidence`, which is 1 less this")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.confidence and self.uncertainty:
            raise ValueError("say either `confidence` or `uncertainty`, not both")
        return self


class Settings(Strict):
    """Where the decisions are and what made them."""

    name: Slug
    kind: Literal["classification"]
    path: SitePath = Field(description="a JSON file, a CSV table (.csv) or a workbook (.xlsx)")
    classifier: Slug = Field(description="id by which the study file names it")
    version: str = Field(default="", max_length=40)
    columns: Columns = Columns()
    encoding: Encoding = "utf-8"
    sheet: str = Field(default="", max_length=31, description="of an .xlsx workbook; its first one when left out")
    link: LinkSettings | None = None


@dataclass(frozen=True)
class ClassificationSource:
    """The source of that kind; see Source."""

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    def check(self) -> list[Finding]:
        return self._file().check()

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        return self._file().scan(inventory, progress)

    def _file(self) -> ResultsFile:
        settings = self.settings
        return ResultsFile(settings.name, settings.path, self.site.pseudonyms, settings.link, self._read)

    def _read(self, raw: bytes, link: Link) -> CaseResults:
        results = CaseResults()
        for place, row in self._rows(raw):
            self._take(place, row, link, results)
        return results

    def _rows(self, raw: bytes) -> Rows:
        if self.settings.path.suffix.lower() in (".csv", ".xlsx"):
            return self._table_rows(raw)
        content = parsed_json(raw)
        if isinstance(content, dict):
            name = self.settings.columns.case
            content = [{name: case} | row if isinstance(row, dict) else row for case, row in content.items()]
        if not isinstance(content, list):
            raise BadResults("holds no cases; expected a list of objects, or an object by case")
        return ((place, row if isinstance(row, dict) else {}) for place, row in enumerate(content, 1))

    def _table_rows(self, raw: bytes) -> Rows:
        settings = self.settings
        wanted = [name for name in settings.columns.model_dump().values() if name]
        wanted += [settings.link.field] if isinstance(settings.link, FieldLink) else []
        try:
            yield from rows_of(raw, settings.encoding, wanted, settings.sheet)
        except TableProblem as problem:
            raise BadResults(str(problem), problem.there) from None

    def _take(self, place: int, row: Mapping[str, Any], link: Link, results: CaseResults) -> None:
        columns = self.settings.columns
        case, predicted = _text(row, columns.case), structure_name(_text(row, columns.predicted), "")
        stated, sure = _text(row, columns.score), _text(row, columns.confidence or columns.uncertainty)
        score, confidence = _share(stated), _share(sure)
        if not case or not predicted:
            results.refuse(place, "names no case or no class")
        elif case in results.records:
            results.refuse(place, "a case that is there twice")
        elif stated and score is None:
            results.refuse(place, "the score is no number from 0 to 1")
        elif sure and confidence is None:
            results.refuse(place, "the confidence or uncertainty is no number from 0 to 1")
        else:
            linked = link.of((case_name(case), case), row)
            results.records[case] = Classification(
                classification_key=link.pseudonyms.path(f"{self.name}\0{case}".encode("utf-8", "surrogateescape")),
                patient_key=linked.patient_key,
                study_key=linked.study_key,
                image_series_key=linked.series_key,
                classifier=self.settings.classifier,
                model_version=self.settings.version.strip(),
                predicted=predicted,
                score=score,
                reference=structure_name(_text(row, columns.reference), ""),
                confidence=1.0 - confidence if columns.uncertainty and confidence is not None else confidence,
            )


def _text(row: Mapping[str, Any], name: str | None) -> str:
    """A field as text; numbers as Python writes them, so that a class 1 is "1"."""
    if name is None:
        return ""
    value = row.get(name)
    return repr(value) if isinstance(value, float) else field_text(row, name).strip()


def _share(text: str) -> float | None:
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        return None
    return found if 0.0 <= found <= 1.0 else None


def open_source(settings: Settings, site: SiteContext) -> ClassificationSource:
    return ClassificationSource(settings, site)
