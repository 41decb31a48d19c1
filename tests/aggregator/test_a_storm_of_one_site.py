"""Limits: one site's storm is answered cheaply and the others are served; what is too large never gets in."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aggregator_cast import TODAY, Centre, StandingClock, a_report, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.limits import CallLimits
from studyscope_aggregator.settings import Limits
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_contract.report import MAX_BYTES

REPORTS = "/api/v1/reports"


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path / "registry")


@pytest.fixture
def client(centre: Centre) -> Iterator[httpx.Client]:
    settings = centre.settings().model_copy(update={"limits": Limits(reports_per_minute=60, burst=20)})
    with served(create_app(settings, SqliteStore(settings.store), StandingClock())) as client:
        yield client


def test_a_site_that_sends_without_end_is_told_to_wait_and_the_others_are_served(client: httpx.Client, centre: Centre) -> None:
    body, stop, answers = centre.signed(a_report()).to_bytes(), threading.Event(), []

    def storm() -> None:
        with httpx.Client(base_url=client.base_url, trust_env=False) as own:
            while not stop.is_set():
                answers.append(own.post(REPORTS, content=body).status_code)

    threads = [threading.Thread(target=storm) for _ in range(4)]
    for thread in threads:
        thread.start()
    while answers.count(429) < 20:
        time.sleep(0.01)
    started = time.perf_counter()
    others = [
        client.post(REPORTS, content=centre.signed(a_report("lyon", sequence=n, grid_point=TODAY - 10 + n)).to_bytes())
        for n in range(1, 11)
    ]
    took = time.perf_counter() - started
    stop.set()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in others] == [201] * 10
    assert took < 5
    assert answers.count(201) == 1
    assert answers.count(200) <= 25


def test_the_answer_says_how_long_to_wait_and_that_the_report_may_come_again(client: httpx.Client, centre: Centre) -> None:
    body = centre.signed(a_report()).to_bytes()

    answer = [client.post(REPORTS, content=body) for _ in range(21)][-1]

    assert (answer.status_code, answer.json()["temporary"]) == (429, True)
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["message"].endswith("wait 1 s before the next")


def test_weeks_of_reports_go_through_at_once_and_the_bucket_fills_again() -> None:
    seconds = [0.0]
    limits = CallLimits(Limits(reports_per_minute=60, burst=20), lambda: seconds[0])
    lyon, oslo = b'{"site":"lyon","study":"liver"}', b'{"site":"oslo","study":"liver"}'

    assert [limits.seconds_to_wait("a", lyon) for _ in range(21)] == [0] * 20 + [1]
    assert limits.seconds_to_wait("a", oslo) == 0
    assert limits.seconds_to_wait("b", lyon) == 0
    seconds[0] = 1.0
    assert [limits.seconds_to_wait("a", lyon) for _ in range(2)] == [0, 1]


def test_a_bomb_of_any_kind_is_refused_before_it_is_unpacked(client: httpx.Client) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)

    assert client.post(REPORTS, content=bomb, headers={"Content-Encoding": "gzip"}).json()["reason"] == "encoded"
    assert client.post(REPORTS, content=bomb).json()["reason"] == "not_json"
    assert client.post(REPORTS, content=b"[" * (MAX_BYTES - 1)).json()["reason"] == "not_json"
    assert client.post(REPORTS, content=(b"x" * 65536 for _ in range(100))).json()["reason"] == "too_large"
    assert client.get("/healthz").status_code == 200
