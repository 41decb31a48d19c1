"""History in a real Grafana Mimir, one process of it on the loopback. Run on request; see MIMIR below."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from aggregator_cast import Centre, StandingClock, a_report, a_table, served
from prometheus_server import free_port
from studyscope_aggregator.app import create_app
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.remote_write import HistoryWriter
from studyscope_aggregator.settings import RemoteWrite
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_aggregator.write_request import Point
from studyscope_contract.grid import Grid

MIMIR = os.environ.get("STUDYSCOPE_MIMIR")
pytestmark = [
    pytest.mark.optional,
    pytest.mark.timeout(900),
    pytest.mark.skipif(MIMIR is None, reason="set STUDYSCOPE_MIMIR to the program mimir (tried with the source of April 2026)"),
]
PATIENTS = 'study_history_patients{study="liver",site="berlin",revision="0"}'
WINDOW_DAYS = 200


@dataclass(frozen=True)
class Mimir:
    """Takes remote writes at one address and answers queries at another."""

    push: str
    queries: str


@pytest.fixture(scope="module")
def mimir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mimir]:
    folder = tmp_path_factory.mktemp("mimir")
    port = free_port()
    (folder / "mimir.yaml").write_text(json.dumps(configuration(folder, port)))
    command = [str(MIMIR), f"-config.file={folder / 'mimir.yaml'}"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as process:
        try:
            deadline = time.monotonic() + 600
            while not _ready(port):
                assert process.poll() is None, (folder / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, "Mimir did not start"
                time.sleep(0.5)
            yield Mimir(f"http://127.0.0.1:{port}/api/v1/push", f"http://127.0.0.1:{port}/prometheus")
        finally:
            process.terminate()
            process.wait(60)


def configuration(folder: Path, port: int) -> dict[str, object]:
    """One process that keeps everything below `folder`, talks to nobody else and takes samples as late as docs/sizing.md says."""
    ring = {"kvstore": {"store": "inmemory"}, "instance_addr": "127.0.0.1"}
    return {
        "target": "all",
        "multitenancy_enabled": False,
        "usage_stats": {"enabled": False},
        "server": {
            "http_listen_address": "127.0.0.1",
            "http_listen_port": port,
            "grpc_listen_address": "127.0.0.1",
            "grpc_listen_port": free_port(),
        },
        "memberlist": {"bind_addr": ["127.0.0.1"], "bind_port": free_port()},
        "distributor": {"ring": ring},
        "ingester": {"ring": ring | {"replication_factor": 1}},
        "compactor": {"data_dir": str(folder / "compactor"), "sharding_ring": ring},
        "store_gateway": {"sharding_ring": ring | {"replication_factor": 1}},
        "frontend": {"address": "127.0.0.1"},
        "query_scheduler": {"ring": ring},
        "ruler": {"rule_path": str(folder / "rules"), "ring": ring},
        "ruler_storage": {"backend": "filesystem", "filesystem": {"dir": str(folder / "ruler")}},
        "alertmanager": {"data_dir": str(folder / "alerts"), "sharding_ring": ring | {"replication_factor": 1}},
        "alertmanager_storage": {"backend": "filesystem", "filesystem": {"dir": str(folder / "alertmanager")}},
        "blocks_storage": {
            "backend": "filesystem",
            "filesystem": {"dir": str(folder / "blocks")},
            "tsdb": {"dir": str(folder / "tsdb")},
            "bucket_store": {"sync_dir": str(folder / "sync")},
        },
        "limits": {"out_of_order_time_window": f"{WINDOW_DAYS * 24}h", "query_ingesters_within": "0s"},
    }


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def samples(mimir: Mimir, series: str) -> list[tuple[float, float]]:
    """Every stored sample of one series."""
    asked = {"query": f"{series}[400d]", "time": time.time()}
    answer = httpx.get(f"{mimir.queries}/api/v1/query", params=asked, trust_env=False, timeout=120)
    return [
        (float(when), float(value)) for one in answer.raise_for_status().json()["data"]["result"] for when, value in one["values"]
    ]


def test_reports_of_half_a_year_land_at_their_true_time(tmp_path: Path, mimir: Mimir) -> None:
    centre, now, daily = Centre(tmp_path / "registry"), dt.datetime.now(dt.UTC), Grid()
    for file in (centre.folder / "sites.yaml", centre.folder / "studies" / "liver.yaml"):
        file.write_text(file.read_text().replace("2026-01-01", "2020-01-01").replace("2027-12-31", "2099-12-31"))
    first = daily.index(now) - 170
    clock = StandingClock(daily.moment(first + 170) + dt.timedelta(minutes=1))
    settings = centre.settings(RemoteWrite(url=mimir.push, window_hours=WINDOW_DAYS * 24))
    with served(create_app(settings, MemoryStore(), clock)) as client:
        for day in (*range(71, 101), *range(1, 71)):  # a site that was offline delivers the earlier days last, elsewhere
            site, sequence = ("berlin", day - 70) if day > 70 else ("lyon", day)
            table = a_table(cells={(): 20 + 10 * (day // 10)}).model_copy(update={"released": first})
            report = a_report(site, sequence, first + day, tables=(table,))
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
        lyon = PATIENTS.replace("berlin", "lyon")
        deadline = time.monotonic() + 120
        while (len(samples(mimir, PATIENTS)), len(samples(mimir, lyon))) != (30, 70) and time.monotonic() < deadline:
            time.sleep(0.5)

    found = samples(mimir, lyon) + samples(mimir, PATIENTS)
    assert [when for when, _ in found] == [daily.moment(first + day).timestamp() for day in range(1, 101)]
    assert [value for _, value in found] == [20 + 10 * (day // 10) for day in range(1, 101)]


def written(mimir: Mimir, points: Sequence[Point], now: dt.datetime, window_days: int) -> dict[str, float]:
    """What became of the points, by outcome."""
    metrics = OwnMetrics()

    async def write() -> None:
        writer = HistoryWriter(RemoteWrite(url=mimir.push, window_hours=window_days * 24), metrics)
        try:
            await writer.write(points, now)
        finally:
            await writer.close()

    asyncio.run(write())
    counted = [one for family in metrics.history_samples.collect() for one in family.samples if one.name.endswith("_total")]
    return {one.labels["outcome"]: one.value for one in counted}


def point(now: dt.datetime, days: float, value: float, name: str) -> Point:
    return Point(name, (("study", "liver"),), value, int((now - dt.timedelta(days=days)).timestamp()) * 1000)


def test_what_lies_outside_the_window_is_never_sent(mimir: Mimir) -> None:
    now, name = dt.datetime.now(dt.UTC), "study_history_outside"
    points = [point(now, 5, 1, name), point(now, 1, 2, name), point(now, -1, 3, name)]

    outcome = written(mimir, points, now, window_days=2)

    assert [value for _, value in samples(mimir, name)] == [2.0]
    assert outcome == {"outside_window": 2.0, "written": 1.0}


def test_a_batch_with_samples_that_mimir_never_takes_is_not_tried_for_ever_and_loses_nothing_else(mimir: Mimir) -> None:
    now, name = dt.datetime.now(dt.UTC), "study_history_poison"
    written(mimir, [point(now, 1, 10, name)], now, window_days=2)
    points = [point(now, 300, 1, name), point(now, 100, 2, name), point(now, 1, 11, name), point(now, 90, 3, name)]

    outcome = written(mimir, points, now, window_days=400)

    assert outcome == {"refused_by_receiver": 2.0, "written": 2.0}
    assert [value for _, value in samples(mimir, name)] == [2.0, 3.0, 10.0]
