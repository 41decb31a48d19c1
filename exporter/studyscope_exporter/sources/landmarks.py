"""Landmarks: radial errors as a tool evaluated them, or coordinates as found beside those of a reference.

- nnLandmark's `summary_mm.json` (its `detailed_results`), or any JSON `{case: {landmark: error in mm or null}}`;
- JSON `{case: {landmark: [x, y, z]}}` as found, with `reference` of the same form and, for voxel coordinates, `spacing`;
- a CSV table or .xlsx workbook with a line for each case and landmark; an error that is empty was not found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.csv_table import Encoding, TableProblem, rows_of
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.linking import CsvLink, Link, PatternLink
from studyscope_exporter.records import LandmarkError, LandmarkResult
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.case_results import (
    BadResults,
    CaseResults,
    ResultsFile,
    case_name,
    number,
    parsed_json,
    read_bytes,
)
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult
from studyscope_exporter.structures import structure_name

Errors = dict[str, dict[str, LandmarkError]]
"""By case and landmark."""
MOST_LANDMARKS = 1000


class Columns(Strict):
    """What the columns of the CSV table are called."""

    case: str = "case"
    landmark: str = "landmark"
    error: str = Field(default="error_mm", description="radial error in mm; empty where the landmark was not found")


class Settings(Strict):
    """Where the landmarks are and how cases are called."""

    name: Slug
    kind: Literal["landmarks"]
    path: SitePath = Field(description="a JSON file, a CSV table (.csv) or a workbook (.xlsx)")
    reference: SitePath | None = Field(
        default=None, description="JSON with the reference's coordinates, where path has coordinates"
    )
    spacing: SitePath | None = Field(default=None, description="nnLandmark's spacing.json, where coordinates are voxels")
    columns: Columns = Columns()
    encoding: Encoding = "utf-8"
    sheet: str = Field(default="", max_length=31, description="of an .xlsx workbook; its first one when left out")
    link: PatternLink | CsvLink | None = Field(default=None, discriminator="by")


@dataclass(frozen=True)
class LandmarksSource:
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
        is_table = self.settings.path.suffix.lower() in (".csv", ".xlsx")
        errors = self._from_table(raw, results) if is_table else self._from_json(raw, results)
        for case, found in errors.items():
            linked = link.of((case_name(case), case))
            results.records[case] = LandmarkResult(
                landmarks_key=link.pseudonyms.path(f"{self.name}\0{case}".encode("utf-8", "surrogateescape")),
                patient_key=linked.patient_key,
                study_key=linked.study_key,
                image_series_key=linked.series_key,
                landmarks=tuple(found.values()),
            )
        return results

    def _from_table(self, raw: bytes, results: CaseResults) -> Errors:
        columns, errors = self.settings.columns, Errors()
        try:
            for line, row in rows_of(
                raw, self.settings.encoding, [columns.case, columns.landmark, columns.error], self.settings.sheet
            ):
                case, landmark = row[columns.case], structure_name(row[columns.landmark], "")
                error = _millimetres(row[columns.error])
                if not case or not landmark:
                    results.refuse(line, "names no case or no landmark")
                elif row[columns.error] and error is None:
                    results.refuse(line, "the error is no length in mm")
                elif landmark in errors.setdefault(case, {}):
                    results.refuse(line, "a landmark that its case has already")
                else:
                    errors[case][landmark] = LandmarkError(landmark, error is not None, error)
        except TableProblem as problem:
            raise BadResults(str(problem), problem.there) from None
        return errors

    def _from_json(self, raw: bytes, results: CaseResults) -> Errors:
        cases = _cases(parsed_json(raw))
        if "detailed_results" in cases:
            if not any(key.startswith("SRD_") for key in cases):
                raise BadResults("holds errors in voxels; name nnLandmark's summary_mm.json instead")
            cases = _cases(cases["detailed_results"])
        settings = self.settings
        reference = _cases(parsed_json(read_bytes(settings.reference))) if settings.reference else {}
        spacing = _cases(parsed_json(read_bytes(settings.spacing))) if settings.spacing else None
        errors = Errors()
        for place, (case, found) in enumerate(cases.items(), 1):
            if not isinstance(found, dict) or len(found) > MOST_LANDMARKS:
                results.refuse(place, "a case that is no table of landmarks")
                continue
            scale = (1.0, 1.0, 1.0) if spacing is None else _scale(spacing.get(case))
            if scale is None:
                results.refuse(place, "a case without a spacing")
                continue
            truth = reference.get(case)
            errors[case] = _of_case(found, truth if isinstance(truth, dict) else {}, scale)
        return errors


def _cases(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise BadResults("holds no table of cases; expected {case: {landmark: error in mm or [x, y, z]}}")
    return content


def _of_case(found: Mapping[str, Any], truth: Mapping[str, Any], scale: tuple[float, float, float]) -> dict[str, LandmarkError]:
    errors: dict[str, LandmarkError] = {}
    for name, value in found.items():
        landmark = structure_name(name, "")
        if not landmark:
            continue
        place = _point(value.get("coordinates") if isinstance(value, dict) else value)
        if place is None:
            error = number(value)
            error = error if error is not None and error >= 0 else None
            errors[landmark] = LandmarkError(landmark, error is not None, error)
        else:
            wanted = _point(truth.get(name))
            errors[landmark] = LandmarkError(landmark, True, None if wanted is None else _distance(place, wanted, scale))
    return errors


def _point(value: object) -> tuple[float, ...] | None:
    if not isinstance(value, list) or len(value) not in (2, 3):
        return None
    found = [number(one) for one in value]
    known = tuple(one for one in found if one is not None)
    return known if len(known) == len(found) else None


def _distance(one: tuple[float, ...], other: tuple[float, ...], scale: tuple[float, float, float]) -> float | None:
    if len(one) != len(other):
        return None
    return math.hypot(*((a - b) * step for a, b, step in zip(one, other, scale, strict=False)))


def _scale(stated: object) -> tuple[float, float, float] | None:
    """nnLandmark's spacing of a case: the annotation's where it is stated, else the image's."""
    if isinstance(stated, dict):
        stated = stated.get("annotation_spacing") or stated.get("image_spacing")
    steps = [stated] * 3 if number(stated) is not None else stated
    if not isinstance(steps, list) or len(steps) != 3:
        return None
    x, y, z = (number(step) for step in steps)
    return (x, y, z) if x and y and z and min(x, y, z) > 0 else None


def _millimetres(text: str) -> float | None:
    try:
        error = float(text.replace(",", "."))
    except ValueError:
        return None
    return error if math.isfinite(error) and error >= 0 else None


def open_source(settings: Settings, site: SiteContext) -> LandmarksSource:
    return LandmarksSource(settings, site)
