"""T7, T8, T17 at the centre: a real aggregator's /metrics, scraped again and again, in every format it may be asked for."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Counter
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from aggregator_cast import Centre, StandingClock, a_report, a_table, served
from attacking.hospital import FIRST_POINT, lived
from attacking.on_metrics import histograms, newcomer, overheard
from attacking.people import Life
from studyscope_aggregator.app import create_app
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.metric import Kind
from studyscope_contract.policy import Policy
from studyscope_contract.report import ProtectedTable

SCRAPES = 10_000 if os.environ.get("STUDYSCOPE_LONG_TESTS") else 1_000
FORMATS = (
    "text/plain;version=0.0.4",
    "application/openmetrics-text;version=1.0.0;charset=utf-8",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    "*/*",
)
TENS = Policy().parameters


def tables() -> tuple[ProtectedTable, ...]:
    """What a simulated hospital shows after a year and a half."""
    shown: dict[tuple[str, str], dict[tuple[str, ...], int]] = {}
    for moment in lived(Life(6, weeks=78), 4, Policy()).published.moments:
        assert moment.grid_point >= FIRST_POINT
        shown |= {(key.table, key.per): dict(cells) for key, cells in moment.tables.items()}
    return tuple(a_table(table, cells, per) for (table, per), cells in sorted(shown.items()) if cells)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    centre = Centre(tmp_path_factory.mktemp("centre") / "registry")
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        for report in (a_report(tables=tables()), a_report("lyon", tables=(a_table("sex", {("F",): 20}),))):
            client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).raise_for_status()
        yield client


def test_t17_nothing_but_the_catalogue_s_gauges_is_on_the_page_in_any_format(client: httpx.Client) -> None:
    pages = [client.get("/metrics", headers={"Accept": accepted}).text for accepted in FORMATS]
    assert all("study_patients{" in page for page in pages)
    found = overheard(pages)
    assert not found, found
    assert {line.split()[3] for page in pages for line in page.splitlines() if line.startswith("# TYPE")} == {"gauge"}


def test_t17_what_the_centre_tells_of_itself_is_not_where_the_numbers_are(client: httpx.Client) -> None:
    page = client.get("/metrics/self").text
    assert overheard([page]).side_channels
    assert "study_patients" not in page
    assert 'site="' not in page


def test_t17_control_the_default_registry_tells_of_cpu_start_and_single_jobs() -> None:
    registry = CollectorRegistry()
    jobs = Counter("study_jobs", "Jobs.", registry=registry)
    jobs.inc(exemplar={"study_uid": "1.2.840.113619"})
    found = overheard([generate_latest(REGISTRY).decode(), generate_latest(registry).decode(), openmetrics(registry).decode()])
    assert {"process_start_time_seconds", "python_info", "study_jobs_total", "study_jobs_created"} <= found.side_channels
    assert found.side_channels <= found.foreign
    assert found.exemplars == 1


def test_t7_however_often_and_by_whom_the_page_is_scraped_it_is_the_same_bytes(client: httpx.Client) -> None:
    bodies, headers = set(), set()
    for number in range(SCRAPES):
        answer = client.get("/metrics", headers={"User-Agent": f"scraper {number % 7}"})
        bodies.add(hashlib.sha256(answer.content).digest())
        headers.add(tuple(sorted((name, value) for name, value in answer.headers.items() if name != "date")))
    assert len(bodies) == 1
    assert len(headers) == 1


def test_t8_sum_and_count_say_nothing_that_the_buckets_do_not(client: httpx.Client) -> None:
    found = histograms(client.get("/metrics").text)
    assert found
    for one in found:
        assert one.count == one.buckets[-1][1]
        assert one.buckets[-1][0] == "+Inf"
        assert {edge for edge, _ in one.buckets} <= set(one.table.dimensions[0].codes)
        assert not [part for part in one.parts if 1 <= part < TENS.s]
        lower, middles = 0.0, 0.0
        for (edge, _), part in zip(one.buckets, one.parts, strict=True):
            upper = lower if edge == "+Inf" else float(edge)
            middles, lower = middles + part * (lower + upper) / 2, upper
        assert one.sum == middles
        assert one.table.kind is Kind.HISTOGRAM


def test_t8_control_an_exact_sum_gives_the_volume_of_the_one_who_came() -> None:
    dice = random.Random(3)
    volumes = [dice.lognormvariate(3.3, 0.4) for _ in range(40)]
    value = newcomer((40, sum(volumes)), (41, sum([*volumes, 45.845])))
    assert value == pytest.approx(45.845, abs=1e-3)
