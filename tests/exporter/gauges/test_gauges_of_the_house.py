"""Gauges of another endpoint: only those allowed, at this site only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from local_server import Answer, served
from studyscope_exporter.facts import KINDS_THAT_FILL
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.local_gauges import LocalGauge
from studyscope_exporter.local_metrics.gauges import LocalMetrics
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.prometheus import PrometheusSource, Settings
from studyscope_exporter.sources.source import NoProgress, SourceUnavailable

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
PAGE = """\
# TYPE orthanc_count_series gauge
orthanc_count_series 11 1795199194225
# TYPE dicom_series_total gauge
dicom_series_total{modality="CT",trial_short_code="liver"} 7
dicom_series_total{modality="MR",trial_short_code="liver"} NaN
# TYPE requests_total counter
requests_total 9
# TYPE dicom_series_manufacturer gauge
dicom_series_manufacturer{manufacturer="Typed By^Somebody"} 1
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=lambda: NOW) as opened:
        yield opened


def source_at(url: str, **settings: Any) -> PrometheusSource:
    allow = ("orthanc_count_series", "dicom_series_total")
    chosen = Settings(name="platform", kind="prometheus", url=url, **{"tries": 1, "allow": allow} | settings)
    return PrometheusSource(chosen, SiteContext(Pseudonyms(b"s" * 32), lambda: NOW))


def page(text: str) -> Answer:
    return Answer(text.encode(), 200, {"Content-Type": "text/plain; version=0.0.4"})


def test_only_gauges_on_the_list_are_kept(inventory: Inventory) -> None:
    with served(lambda _: page(PAGE)) as server:
        source = source_at(f"{server.url}/monitoring/metrics/scrape", params={"project": "liver"})
        result = source.scan(inventory, NoProgress())

    labels = 'modality="CT", trial_short_code="liver"'
    assert source.gauges(inventory) == [LocalGauge("orthanc_count_series", "", 11), LocalGauge("dicom_series_total", labels, 7)]
    assert (result.seen, result.read, result.ignored) == (2, 2, {"no number": 1, "not on the list": 2})
    assert (server.asked[0].path, server.asked[0].param("project")) == ("/monitoring/metrics/scrape", "liver")


def test_a_counter_is_no_gauge_and_a_missing_one_is_told(inventory: Inventory) -> None:
    with served(lambda _: page(PAGE)) as server:
        source = source_at(server.url, allow=("requests_total", "gone"))
        result, (finding,) = source.scan(inventory, NoProgress()), source.check()

    assert result.ignored["no gauge"] == 1
    assert result.to_mend == [f"no gauge requests_total, gone at {server.url}; look at `allow`"]
    assert not finding.ok


def test_they_are_on_the_local_endpoint_until_they_are_gone(inventory: Inventory) -> None:
    metrics, answers = LocalMetrics(), [PAGE, "# TYPE orthanc_count_series gauge\northanc_count_series 12\n"]
    pages = []
    for text in answers:
        with served(lambda _, text=text: page(text)) as server:  # type: ignore[misc]
            source = source_at(server.url)
            source.scan(inventory, NoProgress())
        metrics.told({source.name: source.gauges(inventory)})
        pages.append(generate_latest(metrics.registry).decode())

    assert 'studyscope_local_gauge{gauge="orthanc_count_series",labels="",source="platform"} 11.0' in pages[0]
    assert 'gauge="dicom_series_total"' in pages[0]
    assert 'studyscope_local_gauge{gauge="orthanc_count_series",labels="",source="platform"} 12.0' in pages[1]
    assert 'gauge="dicom_series_total"' not in pages[1]


def test_they_fill_no_table_that_leaves_the_hospital() -> None:
    assert all("prometheus" not in kinds for kinds in KINDS_THAT_FILL.values())


def test_a_page_that_is_none_says_so_and_what_was_known_stays(inventory: Inventory) -> None:
    with served(lambda _: page(PAGE)) as server:
        source_at(server.url).scan(inventory, NoProgress())
    with served(lambda _: Answer(b"<html><body>Log in</body></html>")) as server:
        source = source_at(server.url)
        with pytest.raises(SourceUnavailable, match="no page of Prometheus"):
            source.scan(inventory, NoProgress())

    assert len(source.gauges(inventory)) == 2
