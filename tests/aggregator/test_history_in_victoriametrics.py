"""History in a real VictoriaMetrics, which takes the same remote writes as Prometheus and keeps years of them smaller."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aggregator_cast import Centre, StandingClock, a_report, a_table, served
from prometheus_server import Prometheus, free_port
from studyscope_aggregator.app import create_app
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.remote_write import HistoryWriter
from studyscope_aggregator.settings import RemoteWrite
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_aggregator.write_request import Point
from studyscope_contract.grid import Grid

pytestmark = pytest.mark.real
PATIENTS = 'study_history_patients{study="liver",site="berlin",revision="0"}'


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[Prometheus]:
    """It answers Prometheus' queries too; `-search.latencyOffset`: show what was written a moment ago."""
    program = shutil.which("victoria-metrics")
    if program is None:
        pytest.skip("no victoria-metrics on the PATH (Debian: apt-get install victoria-metrics)")
    listen = f"127.0.0.1:{free_port()}"
    command = [
        program,
        f"-storageDataPath={tmp_path / 'victoria'}",
        f"-httpListenAddr={listen}",
        "-retentionPeriod=5y",
        "-search.latencyOffset=0s",
        "-memory.allowedBytes=128MB",
    ]
    with (tmp_path / "victoria.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        server = Prometheus(f"http://{listen}")
        try:
            deadline = time.monotonic() + 30
            while not _answers(server) and time.monotonic() < deadline:
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.wait(20)


def _answers(server: Prometheus) -> bool:
    try:
        return httpx.get(f"{server.url}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def shown(server: Prometheus, samples: int) -> list[tuple[float, float]]:
    """Its samples of the series, once there are so many; rows are searchable within a second or two of their writing."""
    deadline, found = time.monotonic() + 30, list[tuple[float, float]]()
    while len(found) < samples and time.monotonic() < deadline:
        time.sleep(0.3)
        if server.query(f"count_over_time({PATIENTS}[400d])", time.time()):
            found = server.raw(PATIENTS, time.time(), "400d")
    return found


def test_reports_of_half_a_year_land_at_their_true_time(tmp_path: Path, victoria: Prometheus) -> None:
    centre, now, daily = Centre(tmp_path / "registry"), dt.datetime.now(dt.UTC), Grid()
    for file in (centre.folder / "sites.yaml", centre.folder / "studies" / "liver.yaml"):
        file.write_text(file.read_text().replace("2026-01-01", "2020-01-01").replace("2027-12-31", "2099-12-31"))
    first = daily.index(now) - 170
    clock = StandingClock(daily.moment(first + 100) + dt.timedelta(hours=1))
    settings = centre.settings(RemoteWrite(url=victoria.write_url, window_hours=400 * 24))
    with served(create_app(settings, MemoryStore(), clock)) as client:
        for day in range(100):
            table = a_table(cells={(): 20 + 10 * (day // 10)}).model_copy(update={"released": first})
            report = a_report(sequence=day + 1, grid_point=first + day, tables=(table,))
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
        found = shown(victoria, 100)

    assert [when for when, _ in found] == [daily.moment(first + day).timestamp() for day in range(100)]
    assert [value for _, value in found] == [20 + 10 * (day // 10) for day in range(100)]
    (total,) = victoria.query(f"max_over_time(sum({PATIENTS})[180d:1d])", now.timestamp())
    assert float(total["value"][1]) == 110


def test_a_late_sample_and_one_written_twice_are_taken_as_they_are(victoria: Prometheus) -> None:
    now = dt.datetime.now(dt.UTC)
    labels = (("study", "liver"), ("site", "berlin"), ("revision", "0"))

    def point(days: int, value: float) -> Point:
        moment = now - dt.timedelta(days=days)
        return Point("study_history_patients", labels, value, int(moment.timestamp()) * 1000)

    async def write() -> None:
        writer = HistoryWriter(RemoteWrite(url=victoria.write_url, window_hours=9600), OwnMetrics())
        for points in ([point(1, 20)], [point(170, 10)], [point(170, 10)]):
            await writer.write(points, now)
        await writer.close()

    asyncio.run(write())

    assert {(round((now.timestamp() - when) / 86400), value) for when, value in shown(victoria, 2)} == {(1, 20.0), (170, 10.0)}
