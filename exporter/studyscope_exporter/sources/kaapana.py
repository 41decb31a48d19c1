"""A Kaapana platform: its archive by DICOMweb, its datasets and tags, its workflows by Airflow, its gauges; one login."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from studyscope_contract.names import Slug
from studyscope_exporter.airflow.api import Version
from studyscope_exporter.airflow.failure import ReasonRule
from studyscope_exporter.airflow.reading import Dag
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.kaapana.cohort import Cohort
from studyscope_exporter.kaapana.intake import Intake
from studyscope_exporter.linking import FieldLink, LinkSettings
from studyscope_exporter.local_gauges import LocalGauge, TellsGauges
from studyscope_exporter.servers.server import Address, Patience
from studyscope_exporter.site_path import SitePath
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
    backend_path: str = Field(default="/kaapana-backend", pattern="^/", description="where datasets and tags are asked for")
    project: str = Field(default="", max_length=100, description="name of the project whose gauges, datasets and tags are meant")
    project_id: str = Field(default="", max_length=100, description="its id")
    datasets: tuple[str, ...] = Field(default=(), max_length=50, description="only series of these datasets or tags; else all")
    tags: tuple[str, ...] = Field(default=(), max_length=50, description="only series with one of these tags, or of the datasets")
    intake_dag: str | None = Field(default="service-process-incoming-dcm", max_length=250, description="null: not asked for")
    quarantine: SitePath | None = Field(default=None, description="folder of the platform's quarantine, where it is mounted here")
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
    def _cohorts_are_of_a_project(self) -> Self:
        if bool(self.datasets or self.tags) != bool(self.project_id):
            raise ValueError("`datasets` or `tags` and `project_id` belong together: they are those of a project")
        if self.tags and not self.project:
            raise ValueError("`tags` need `project` too, the name of the project that they are in")
        if self.project_id and not self.archive_path:
            raise ValueError("`datasets` and `tags` choose series of the archive; give archive_path too")
        return self


Part = dicomweb.DicomwebSource | airflow.AirflowSource | prometheus.PrometheusSource | Intake


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
        try:
            only = self._cohort()
        except SourceUnavailable as problem:
            found.append(Finding(False, str(problem)))
        else:
            if only is not None:
                found.append(Finding(True, f"series in the datasets or with the tags: {len(only)}"))
        return [*found, *(one for part in self._parts(None) for one in part.check())]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        whole, problems, parts = ScanResult(), list[SourceUnavailable](), list[Part]()
        try:
            parts = self._parts(self._cohort())
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
            if isinstance(part, dicomweb.DicomwebSource | airflow.AirflowSource):
                named |= part.identifiers(items)
        return named

    def patient_ids(self, items: Collection[bytes]) -> dict[bytes, str]:
        """Of series, as the archive states them now."""
        archives = (part for part in self._parts(None) if isinstance(part, dicomweb.DicomwebSource))
        return {item: patient for archive in archives for item, patient in archive.patient_ids(items).items()}

    def gauges(self, inventory: Inventory) -> list[LocalGauge]:
        """What its monitoring page and its intake said in the last pass, for the local endpoint."""
        return [one for part in self._parts(None) if isinstance(part, TellsGauges) for one in part.gauges(inventory)]

    def _cohort(self) -> frozenset[str] | None:
        """SeriesInstanceUIDs that count, None for all of the archive; raises SourceUnavailable."""
        settings = self.settings
        if not settings.project_id:
            return None
        backend = Address.model_validate(self._address(settings.backend_path, named=False))
        # The platform names a project's index of series after it.
        index = f"project_{settings.project}"
        return Cohort(backend, settings.project_id, index, settings.datasets, settings.tags).series(self.patience)

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
            if settings.intake_dag:
                parts.append(Intake(self.name, runs, settings.api, settings.intake_dag, settings.quarantine, self.patience))
        if settings.gauges_path and settings.gauges:
            page = prometheus.Settings(
                kind="prometheus",
                allow=settings.gauges,
                params={"project": settings.project} if settings.project else {},
                **self._address(settings.gauges_path),
            )
            parts.append(prometheus.PrometheusSource(page, self.site, self.patience, note=f"{self.name} gauges"))
        return parts

    def _address(self, path: str, *, named: bool = True) -> dict[str, Any]:
        """What all parts share: one front door, one login, one name."""
        shared = {name: getattr(self.settings, name) for name in Address.model_fields if name != "url"}
        return {"url": self.settings.url + path, **shared} | ({"name": self.name} if named else {})


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
