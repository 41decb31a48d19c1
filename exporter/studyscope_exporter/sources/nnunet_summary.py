"""nnU-Net's own evaluation: `summary.json`, which compares predictions with references, case by case.

It has overlaps and counts of voxels, no surfaces: it fills Dice and volume difference, and no kinds of noise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.linking import CsvLink, Link, PatternLink
from studyscope_exporter.nifti.label_names import BadLabelTable, LabelNames, named_labels, read_dataset_json
from studyscope_exporter.quality.overlap import volume_difference
from studyscope_exporter.records import Agreement, Comparison
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.case_results import BadResults, CaseResults, ResultsFile, case_name, number, parsed_json
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.nifti import LabelTable
from studyscope_exporter.sources.source import Finding, Progress, ScanResult

_LABEL_OR_REGION = re.compile(r"\d{1,9}|\(\d{1,9}(, ?\d{1,9}){0,200},?\)", re.ASCII)
_FOLDERS_UP = 3
"""dataset.json lies beside the summary, or above `fold_0/validation` and `crossval_results_folds_…`."""


class Settings(Strict):
    """Where the summary is and what it does not say about itself."""

    name: Slug
    kind: Literal["nnunet_summary"]
    path: SitePath = Field(description="summary.json")
    labels: LabelTable | None = Field(default=None, description="taken from dataset.json beside or above it when left out")
    algorithm: str = Field(default="nnU-Net", max_length=64)
    algorithm_version: str = Field(default="", max_length=64)
    link: PatternLink | CsvLink | None = Field(default=None, discriminator="by")


@dataclass(frozen=True)
class NnunetSummarySource:
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
        content = parsed_json(raw)
        cases = content.get("metric_per_case") if isinstance(content, dict) else None
        if not isinstance(cases, list):
            raise BadResults('has no list "metric_per_case"; is it the summary.json of nnU-Net version 2?')
        names, results = self._names(), CaseResults()
        for place, case in enumerate(cases, 1):
            prediction, metrics = _prediction(case), case.get("metrics") if isinstance(case, dict) else None
            if not prediction or not isinstance(metrics, dict):
                results.refuse(place, "a case without a prediction file and metrics")
            elif prediction in results.records:
                results.refuse(place, "a case that is there twice")
            else:
                results.records[prediction] = self._comparison(prediction, metrics, names, link)
        return results

    def _comparison(self, prediction: str, metrics: Mapping[str, Any], names: LabelNames, link: Link) -> Comparison:
        case = case_name(prediction)
        linked = link.of((case, prediction.replace("\\", "/").rsplit("/", 1)[-1], prediction))
        return Comparison(
            comparison_key=link.pseudonyms.path(f"{self.name}\0{prediction}".encode("utf-8", "surrogateescape")),
            patient_key=linked.patient_key,
            study_key=linked.study_key,
            image_series_key=linked.series_key,
            algorithm=self.settings.algorithm.strip().lower(),
            algorithm_version=self.settings.algorithm_version.strip(),
            review_state="automatic",
            against="reference",
            agreements=tuple(_agreements(metrics, names)),
        )

    def _names(self) -> LabelNames:
        if self.settings.labels is not None:
            return named_labels({name: list(of) if isinstance(of, tuple) else of for name, of in self.settings.labels.items()})
        for folder in list(self.settings.path.absolute().parents)[:_FOLDERS_UP]:
            try:
                return read_dataset_json(Path(folder, "dataset.json"))
            except (OSError, BadLabelTable):
                continue
        return LabelNames()


def _prediction(case: object) -> str:
    found = case.get("prediction_file") if isinstance(case, dict) else None
    return found[:4096] if isinstance(found, str) else ""


def _agreements(metrics: Mapping[str, Any], names: LabelNames) -> list[Agreement]:
    name_of = {frozenset(labels): name for name, labels in names.structures}
    found: dict[str, Agreement] = {}
    for key, values in metrics.items():
        if not _LABEL_OR_REGION.fullmatch(key) or not isinstance(values, dict):
            continue
        labels = frozenset(int(label) for label in re.findall(r"\d+", key))
        structure = name_of.get(labels) or f"label {'+'.join(map(str, sorted(labels)))}"
        result, reference = number(values.get("n_pred")), number(values.get("n_ref"))
        difference = volume_difference(result, reference) if result is not None and reference is not None else None
        found.setdefault(structure, Agreement(structure, number(values.get("Dice")), None, None, difference, None))
    return list(found.values())


def open_source(settings: Settings, site: SiteContext) -> NnunetSummarySource:
    return NnunetSummarySource(settings, site)
