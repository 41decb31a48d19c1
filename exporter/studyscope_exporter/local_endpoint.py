"""Numbers for the staff of this hospital, on this machine only: how the exporter itself does.

They are never published and never scraped by a centre; the names begin with `studyscope_local_` so
that nobody mistakes them. No number of patients is among them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from studyscope_exporter.local_gauges import LocalGauge
from studyscope_exporter.sources.source import NoProgress, Progress

LOOPBACK = "127.0.0.1"


class LocalMetrics:
    """The gauges of one exporter, in a registry of their own: the default one tells about activity."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._scanned = self._gauge("scan_items", "Items that the running, else the last scan has looked at.", "source")
        self._finished = self._gauge("scan_finished_timestamp_seconds", "When the last scan finished.")
        self._up = self._gauge("source_up", "1 when the last scan could read the source, else 0.", "source")
        self._waiting = self._gauge("reports_waiting", "Reports that wait for delivery.", "study")
        self._grid_point = self._gauge("grid_point_timestamp_seconds", "The last grid point released.", "study")

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

    def waiting(self, study: str, reports: int) -> None:
        self._waiting.labels(study).set(reports)


class _Counting:
    def __init__(self, gauge: Gauge, inner: Progress) -> None:
        self._gauge, self._inner = gauge, inner

    def total(self, items: int | None) -> None:
        self._inner.total(items)

    def advance(self, items: int = 1) -> None:
        self._gauge.inc(items)
        self._inner.advance(items)


@contextmanager
def served(metrics: LocalMetrics, port: int | None) -> Iterator[int | None]:
    """Serves the gauges on the loopback while inside; gives the port, None when none was asked for."""
    if port is None:
        yield None
        return
    server, thread = start_http_server(port, LOOPBACK, metrics.registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
