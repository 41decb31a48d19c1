"""Numbers for the staff of this hospital: how the exporter itself does.

They are never published and never scraped by a centre; the names begin with `studyscope_local_` so
that nobody mistakes them. No number of patients is among them, also none of jobs or images that are
somebody's: whether there are any is enough for an alert, and `cases` names them to who may know.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge

from studyscope_exporter.local_gauges import LocalGauge
from studyscope_exporter.sources.source import NoProgress, Progress


@dataclass(frozen=True)
class StudyStanding:
    """Where one study stands, as state and outbox say at any moment."""

    study: str
    frozen: bool
    reports_waiting: int
    reports_refused: int
    tables_to_approve: int
    releases_held: int


@dataclass(frozen=True)
class StudyCases:
    """Whether the last scan found cases that a person should look at; None where the site cannot know."""

    study: str
    jobs_stuck: bool
    images_missing: bool | None


class LocalMetrics:
    """The gauges of one exporter, in a registry of their own: the default one tells about activity."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._scanned = self._gauge("scan_items", "Items that the running, else the last scan has looked at.", "source")
        self._finished = self._gauge("scan_finished_timestamp_seconds", "When the last scan finished.")
        self._up = self._gauge("source_up", "1 when the last scan could read the source, else 0.", "source")
        self._waiting = self._gauge("reports_waiting", "Reports that wait for delivery.", "study")
        self._refused = self._gauge(
            "reports_refused", "Reports that the centre refused for good since it last took one.", "study"
        )
        self._grid_point = self._gauge("grid_point_timestamp_seconds", "The last grid point released.", "study")
        self._to_approve = self._gauge("tables_to_approve", "Tables that wait for an approver.", "study")
        self._held = self._gauge("releases_held", "How often in a row the audit held a release.", "study")
        self._frozen = self._gauge("frozen", "1 when the study is frozen: no number moves.", "study")
        self._stuck = self._gauge("jobs_stuck", "1 when a job runs longer than the study allows.", "study")
        self._missing = self._gauge("images_missing", "1 when images that the roster expects have not come.", "study")
        self._low = self._gauge("storage_low", "1 when the volume of the state is low on space.")
        self._free = self._gauge("storage_free_bytes", "Free space of the volume of the state.")
        self._told = self._gauge("gauge", "Gauges of other endpoints of the house.", "source", "gauge", "labels")

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"studyscope_local_{name}", text, labels, registry=self.registry)

    def progress(self, source: str, inner: Progress | None = None) -> Progress:
        """A progress that counts into the gauge of `source` and hands on to `inner`."""
        gauge = self._scanned.labels(source)
        gauge.set(0)
        return _Counting(gauge, inner or NoProgress())

    def scanned(self, at: dt.datetime, up: dict[str, bool]) -> None:
        self._finished.set(at.timestamp())
        for source, is_up in up.items():
            self._up.labels(source).set(is_up)

    def told(self, gauges: Mapping[str, Iterable[LocalGauge]]) -> None:
        """What other endpoints said at the last scan, by source; what they do not say any more is gone."""
        self._told.clear()
        for source, some in gauges.items():
            for one in some:
                self._told.labels(source, one.name, one.labels).set(one.value)

    def released(self, study: str, grid_point: dt.datetime) -> None:
        self._grid_point.labels(study).set(grid_point.timestamp())

    def stands(self, study: StudyStanding) -> None:
        self._frozen.labels(study.study).set(study.frozen)
        self._waiting.labels(study.study).set(study.reports_waiting)
        self._refused.labels(study.study).set(study.reports_refused)
        self._to_approve.labels(study.study).set(study.tables_to_approve)
        self._held.labels(study.study).set(study.releases_held)

    def found(self, cases: StudyCases) -> None:
        self._stuck.labels(cases.study).set(cases.jobs_stuck)
        if cases.images_missing is not None:
            self._missing.labels(cases.study).set(cases.images_missing)

    def storage(self, free_bytes: int, *, low: bool) -> None:
        self._free.set(free_bytes)
        self._low.set(low)


class _Counting:
    def __init__(self, gauge: Gauge, inner: Progress) -> None:
        self._gauge, self._inner = gauge, inner

    def total(self, items: int | None) -> None:
        self._inner.total(items)

    def advance(self, items: int = 1) -> None:
        self._gauge.inc(items)
        self._inner.advance(items)
