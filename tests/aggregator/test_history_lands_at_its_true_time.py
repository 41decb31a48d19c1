"""History in a real Prometheus that scrapes the present meanwhile."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import time
from pathlib import Path

import pytest
from fastapi import FastAPI, Response
from prometheus_client.parser import text_string_to_metric_families

from aggregator_cast import Centre, StandingClock, a_report, a_table, served
from prometheus_server import Prometheus, prometheus
from studyscope_aggregator.app import create_app
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.history_task import HistoryTask
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.registry_watch import RegistryWatch
from studyscope_aggregator.remote_write import HistoryWriter, NotWritten
from studyscope_aggregator.settings import RemoteWrite
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_aggregator.stores.opened import open_store
from studyscope_aggregator.write_request import Point
from studyscope_contract.grid import Grid
from studyscope_contract.policy import Policy
from studyscope_contract.report import PolicyStatement

pytestmark = pytest.mark.real

HISTORY = 'study_history_patients{study="liver",site="berlin",revision="0"}'
WEEKLY = PolicyStatement.of(Policy(grid=Grid(every_days=7)))


def a_centre(folder: Path) -> Centre:
    """Keys and membership reach back far enough for half a year of reports before today."""
    centre = Centre(folder)
    for file in (folder / "sites.yaml", folder / "studies" / "liver.yaml"):
        file.write_text(file.read_text().replace("2026-01-01", "2020-01-01").replace("2027-12-31", "2099-12-31"))
    return centre


def outcomes(metrics: OwnMetrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    samples = (sample for family in families for sample in family.samples)
    return {s.labels["outcome"]: s.value for s in samples if s.name == "studyscope_history_samples_total"}


async def written(target: RemoteWrite, *batches: list[Point]) -> dict[str, float]:
    metrics = OwnMetrics()
    writer = HistoryWriter(target, metrics)
    try:
        for batch in batches:
            await writer.write(batch, dt.datetime.now(dt.UTC))
    finally:
        await writer.close()
    return outcomes(metrics)


def a_point(age: dt.timedelta, value: float = 10, site: str = "berlin") -> Point:
    moment = dt.datetime.now(dt.UTC) - age
    return Point("study_history_patients", (("study", "liver"), ("site", site)), value, int(moment.timestamp() * 1000))


def test_reports_of_half_a_year_land_while_the_present_is_scraped(tmp_path: Path) -> None:
    """As in the demo: the centre's clock starts 170 days ago and Prometheus scrapes now."""
    centre, now, daily = a_centre(tmp_path / "registry"), dt.datetime.now(dt.UTC), Grid()
    first = daily.index(now) - 170
    clock = StandingClock(daily.moment(first + 100) + dt.timedelta(hours=1))
    with prometheus(tmp_path, scrapes="127.0.0.1:9") as server:
        settings = centre.settings(RemoteWrite(url=server.write_url, window_hours=400 * 24))
        with served(create_app(settings, MemoryStore(), clock)) as client:
            for day in range(100):
                shown = (a_table(cells={(): 20 + 10 * (day // 10)}).model_copy(update={"released": first}),)
                report = a_report(sequence=day + 1, grid_point=first + day, tables=shown)
                assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
            found = _wait_for_samples(server, 100, now.timestamp())
    assert [when for when, _ in found] == [daily.moment(first + day).timestamp() for day in range(100)]
    assert [value for _, value in found] == [20 + 10 * (day // 10) for day in range(100)]


def _wait_for_samples(server: Prometheus, number: int, at: float) -> list[tuple[float, float]]:
    deadline, found = time.monotonic() + 30, []
    while len(found) < number and time.monotonic() < deadline:
        time.sleep(0.2)
        if server.query(f"count_over_time({HISTORY}[400d])", at):
            found = server.raw(HISTORY, at, "400d")
    return found


def test_a_scrape_of_now_does_not_keep_the_past_out(tmp_path: Path) -> None:
    centre = a_centre(tmp_path / "registry")
    settings = centre.settings()
    with (
        served(create_app(settings, MemoryStore(), SystemClock())) as client,
        prometheus(tmp_path, scrapes=f"127.0.0.1:{client.base_url.port}") as server,
    ):
        deadline = time.monotonic() + 20
        while not server.query("study_sites_expected", time.time()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert server.query("study_sites_expected", time.time())[0]["value"][1] == "3"
        old, new = a_point(dt.timedelta(days=170), 10), a_point(dt.timedelta(days=1), 20)
        target = RemoteWrite(url=server.write_url, window_hours=400 * 24)
        assert asyncio.run(written(target, [new], [old], [old])) == {"written": 3}
        found = server.raw('study_history_patients{site="berlin"}', time.time(), "400d")
        assert [value for _, value in found] == [10, 20]


def test_one_poisonous_sample_costs_only_itself(tmp_path: Path) -> None:
    """Prometheus 2.42 answers 500 to the whole request when one sample is too old for it."""
    with prometheus(tmp_path, window="1h") as server:
        sites = [f"site{number}" for number in range(20)]
        batch = [a_point(dt.timedelta(0), 10, site) for site in sites]
        poison = a_point(dt.timedelta(days=40), 20, "site7")
        target = RemoteWrite(url=server.write_url, window_hours=9600)
        assert asyncio.run(written(target, batch, [*batch[:3], poison, *batch[3:]])) == {"written": 40, "refused_by_receiver": 1}
        assert len(server.query("study_history_patients", time.time() + 1)) == 20


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("this sample is beyond the out-of-order time window of 200d (err-mimir-sample-timestamp-too-old)", 1),
        ("out-of-order samples are not allowed (err-mimir-sample-out-of-order)", 1),
        ("another sample with the same timestamp, but a different value (err-mimir-sample-duplicate-timestamp)", 1),
        ("received a sample whose timestamp is too far in the future (err-mimir-too-far-in-future)", 1),
        ("per-user series limit of 150000 exceeded (err-mimir-max-series-per-user)", 0),
    ],
)
def test_what_mimir_says_of_a_sample_is_final_and_what_it_says_of_a_limit_is_not(words: str, outcome: int) -> None:
    receiver = FastAPI()

    @receiver.post("/api/v1/push")
    async def _push() -> Response:
        return Response(words, 400)

    with served(receiver) as client:
        target = RemoteWrite(url=f"{str(client.base_url).rstrip('/')}/api/v1/push")
        if outcome:
            assert asyncio.run(written(target, [a_point(dt.timedelta(hours=3))])) == {"refused_by_receiver": outcome}
        else:
            with pytest.raises(NotWritten, match="series limit"):
                asyncio.run(written(target, [a_point(dt.timedelta(hours=3))]))


def test_nothing_outside_the_window_or_from_the_future_is_sent(tmp_path: Path) -> None:
    """Nobody listens at the address, so an attempt to send would raise."""
    target = RemoteWrite(url="http://127.0.0.1:9/api/v1/write", window_hours=24)
    outside = [a_point(dt.timedelta(hours=24)), a_point(dt.timedelta(days=-10))]

    assert asyncio.run(written(target, outside)) == {"outside_window": 2}
    with pytest.raises(NotWritten, match="cannot be reached"):
        asyncio.run(written(target, [a_point(dt.timedelta(hours=1))]))


def test_a_receiver_that_is_switched_off_is_told_in_words(tmp_path: Path) -> None:
    with prometheus(tmp_path) as server:
        target = RemoteWrite(url=f"{server.url}/api/v1/nothing", window_hours=24)
        with pytest.raises(NotWritten, match="enable-remote-write-receiver"):
            asyncio.run(written(target, [a_point(dt.timedelta(hours=1))]))


def test_a_weekly_site_has_one_sample_a_day_and_a_restart_writes_none_twice(tmp_path: Path) -> None:
    centre, now = a_centre(tmp_path / "registry"), dt.datetime.now(dt.UTC)
    weekly = WEEKLY.grid
    first = weekly.index(now) - 2
    clock = StandingClock(weekly.moment(first + 1) + dt.timedelta(days=3, hours=1))
    with prometheus(tmp_path) as server:
        settings = centre.settings()
        with served(create_app(settings, open_store(settings.store), clock)) as client:
            for number in range(2):
                shown = (a_table(cells={(): 20 + 10 * number}).model_copy(update={"released": first}),)
                report = a_report(sequence=number + 1, grid_point=first + number, tables=shown, policy=WEEKLY)
                assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
        seen = [asyncio.run(_history_round(centre, clock, server)) for _ in range(2)]
        found = server.raw(HISTORY, now.timestamp(), "60d")
    assert [value for _, value in found] == [20] * 7 + [30] * 4
    assert seen[0]["written"] == 11 * 4, "patients, target, plan and activity a day"
    assert seen[1] == {}


async def _history_round(centre: Centre, clock: StandingClock, server: Prometheus) -> dict[str, float]:
    metrics, store = OwnMetrics(), open_store(centre.settings().store)
    writer = HistoryWriter(RemoteWrite(url=server.write_url, window_hours=9600), metrics)
    consortium = Consortium(RegistryWatch(centre.folder, metrics, clock), store)
    await HistoryTask(consortium, store, writer, clock, metrics, random.Random(1)).write_due()
    await writer.close()
    store.close()
    return outcomes(metrics)
