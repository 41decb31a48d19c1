"""A Kaapana platform: its archive by DICOMweb, its datasets as cohorts, its workflows by Airflow, its own gauges; one login."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from studyscope_contract.names import Slug
from studyscope_exporter.airflow.api import Version
from studyscope_exporter.airflow.failure import ReasonRule
from studyscope_exporter.airflow.reading import Dag
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.linking import FieldLink, LinkSettings
from studyscope_exporter.local_gauges import LocalGauge
from studyscope_exporter.servers.server import Address, Patience, Server, ServerProblem
from studyscope_exporter.sources import airflow, dicomweb, prometheus
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable

GAUGES = (
    "component_uptime_seconds",
    "dicom_series_total",
    "dicom_studies_total",
    "jobs_failed_total",
    "jobs_queued_total",
    "jobs_success_total",
    "storage_size_free_bytes",
    "storage_size_total_bytes",
    "system_load_24h_percent",
)
"""What its monitoring page says of the platform; its number of patients is left alone."""

_INPUTS = FieldLink(by="field", field="conf.data_form.identifiers", identifies="SeriesInstanceUID")


class Settings(Address):
    """Which platform; `url` is its front door, and the paths below it are those of its releases since 0.5."""

    name: Slug
    kind: Literal["kaapana"]
    archive_path: str | None = Field(default="/dicom-web-filter", pattern="^/", description="null: no images from here")
    airflow_path: str | None = Field(default="/flow", pattern="^/", description="null: no workflows from here")
    gauges_path: str | None = Field(default="/kaapana-backend/monitoring/metrics/scrape", pattern="^/", description="null: none")
    project: str = Field(default="", max_length=100, description="project whose gauges are asked for")
    datasets: tuple[str, ...] = Field(default=(), max_length=50, description="only series of these datasets; all when left out")
    datasets_path: str = Field(default="/kaapana-backend/client/dataset", pattern="^/")
    project_id: str = Field(default="", max_length=100, description="id of the project whose datasets these are")
    modalities: tuple[str, ...] = ()
    studies_from: dt.date | None = None
    studies_until: dt.date | None = None
    issuer: str = Field(default="", max_length=64)
    lesions: tuple[str, ...] = ()
    api: Version | None = Field(default=None, description="of its Airflow: 1 or 2; asked for when left out")
    dags: dict[str, Dag] = Field(default_factory=dict)
    link: LinkSettings = Field(default=_INPUTS, description="whose a run is; the series it was started on when left out")
    reasons: tuple[ReasonRule, ...] = ()
    gauges: tuple[str, ...] = Field(default=GAUGES, max_length=200)

    @model_validator(mode="after")
    def _datasets_are_of_a_project(self) -> Self:
        if bool(self.datasets) != bool(self.project_id):
            raise ValueError("`datasets` and `project_id` belong together: a dataset is one of a project")
        if self.datasets and not self.archive_path:
            raise ValueError("`datasets` chooses series of the archive; give archive_path too")
        return self


Part = dicomweb.DicomwebSource | airflow.AirflowSource | prometheus.PrometheusSource


@dataclass(frozen=True)
class KaapanaSource:
    """The source of that kind; see Source. A part that is down leaves the others to go on."""

    settings: Settings
    site: SiteContext
    patience: Patience = field(default_factory=Patience)

    @property
    def name(self) -> str:
        return self.settings.name

    def check(self) -> list[Finding]:
        found = []
        if self.settings.datasets:
            try:
                found.append(Finding(True, f"{len(self._of_the_datasets() or ())} series are in the datasets"))
            except SourceUnavailable as problem:
                found.append(Finding(False, str(problem)))
        return [*found, *(one for part in self._parts(None) for one in part.check())]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        whole, problems, parts = ScanResult(), list[SourceUnavailable](), list[Part]()
        try:
            parts = self._parts(self._of_the_datasets())
        except SourceUnavailable as problem:
            problems.append(problem)
            parts = [part for part in self._parts(None) if not isinstance(part, dicomweb.DicomwebSource)]
        for part in parts:
            try:
                result = part.scan(inventory, progress)
            except SourceUnavailable as problem:
                problems.append(problem)
            else:
                _add(whole, result)
        if problems:
            message = "; ".join(map(str, problems))
            raise SourceUnavailable(message, temporary=any(problem.temporary for problem in problems))
        whole.unlinked = inventory.unlinked(self.name)
        return whole

    def identifiers(self, items: Collection[bytes]) -> dict[bytes, str]:
        """UIDs of series and ids of runs, as the platform gives them now."""
        named: dict[bytes, str] = {}
        for part in self._parts(None):
            if not isinstance(part, prometheus.PrometheusSource):
                named |= part.identifiers(items)
        return named

    def gauges(self, inventory: Inventory) -> list[LocalGauge]:
        """What its monitoring page said in the last pass, for the local endpoint."""
        return [
            one for part in self._parts(None) if isinstance(part, prometheus.PrometheusSource) for one in part.gauges(inventory)
        ]

    def _of_the_datasets(self) -> frozenset[str] | None:
        """SeriesInstanceUIDs of every dataset that is named, None for all of the archive; raises SourceUnavailable."""
        settings = self.settings
        if not settings.datasets:
            return None
        address = Address.model_validate({name: getattr(settings, name) for name in Address.model_fields})
        project = {"Project": json.dumps({"id": settings.project_id})}
        found = set[str]()
        try:
            with Server(address, self.patience, project) as server:
                for name in settings.datasets:
                    said = server.json(settings.datasets_path, {"name": name})
                    uids = said.get("identifiers") if isinstance(said, dict) else None
                    if not isinstance(uids, list) or not all(isinstance(uid, str) for uid in uids):
                        message = (
                            f"{settings.url}{settings.datasets_path} gives no list of series for dataset {name!r}; is it there?"
                        )
                        raise SourceUnavailable(message, temporary=False)
                    found.update(uids)
        except ServerProblem as problem:
            raise SourceUnavailable(f"datasets: {problem}", temporary=problem.temporary) from None
        return frozenset(found)

    def _parts(self, only: frozenset[str] | None) -> list[Part]:
        """Images first, so that runs find their patients; of the archive only the series in `only`."""
        settings, parts = self.settings, list[Part]()
        if settings.archive_path:
            images = dicomweb.Settings(
                kind="dicomweb",
                modalities=settings.modalities,
                studies_from=settings.studies_from,
                studies_until=settings.studies_until,
                issuer=settings.issuer,
                lesions=settings.lesions,
                **self._address(settings.archive_path),
            )
            parts.append(dicomweb.DicomwebSource(images, self.site, self.patience, only))
        if settings.airflow_path:
            runs = airflow.Settings(
                kind="airflow",
                api=settings.api,
                dags=settings.dags,
                link=settings.link,
                reasons=settings.reasons,
                **self._address(settings.airflow_path),
            )
            parts.append(airflow.AirflowSource(runs, self.site, self.patience, note=f"{self.name} runs"))
        if settings.gauges_path and settings.gauges:
            page = prometheus.Settings(
                kind="prometheus",
                allow=settings.gauges,
                params={"project": settings.project} if settings.project else {},
                **self._address(settings.gauges_path),
            )
            parts.append(prometheus.PrometheusSource(page, self.site, self.patience, note=f"{self.name} gauges"))
        return parts

    def _address(self, path: str) -> dict[str, Any]:
        """What all parts share: one front door, one login, one name."""
        shared = {name: getattr(self.settings, name) for name in Address.model_fields if name != "url"}
        return {"name": self.name, "url": self.settings.url + path, **shared}


def _add(whole: ScanResult, part: ScanResult) -> None:
    whole.seen += part.seen
    whole.read += part.read
    whole.removed += part.removed
    whole.to_mend += part.to_mend
    for mine, its in ((whole.unreadable, part.unreadable), (whole.ignored, part.ignored)):
        # Reasons that the inventory keeps are told by every part, for all of the source.
        mine |= {reason: max(count, mine.get(reason, 0)) for reason, count in its.items()}


def open_source(settings: Settings, site: SiteContext) -> KaapanaSource:
    """The source that `settings` describe."""
    return KaapanaSource(settings, site)
