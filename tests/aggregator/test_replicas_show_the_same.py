"""Two aggregators on one PostgreSQL, as behind a balancer: whichever takes a report, both show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, a_table, served
from postgres_server import new_database, postgres
from studyscope_aggregator.app import create_app
from studyscope_aggregator.stores.postgres import PostgresStore
from studyscope_contract.report import Report

pytestmark = pytest.mark.real

LONGEST_SECONDS = 20


class Replicas:
    def __init__(self, centre: Centre, first: httpx.Client, second: httpx.Client, store: PostgresStore) -> None:
        self.centre, self.first, self.second, self.store = centre, first, second, store

    def push(self, to: httpx.Client, report: Report) -> int:
        return to.post("/api/v1/reports", content=self.centre.signed(report).to_bytes()).status_code


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as address:
        yield address


@pytest.fixture
def replicas(tmp_path: Path, server: str) -> Iterator[Replicas]:
    centre, clock, database = Centre(tmp_path), StandingClock(), new_database(server)
    stores = [PostgresStore(database, f"replica {name}") for name in "ab"]
    with (
        served(create_app(centre.settings(), stores[0], clock)) as first,
        served(create_app(centre.settings(), stores[1], clock)) as second,
    ):
        yield Replicas(centre, first, second, stores[0])


def patients(replica: httpx.Client) -> list[str]:
    return [line for line in replica.get("/metrics").text.splitlines() if line.startswith("study_patients{")]


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not true():
        assert time.monotonic() < deadline, "the replicas never agreed"
        time.sleep(0.2)


def shown(count: int, sequence: int, day: int = TODAY) -> Report:
    return a_report("berlin", sequence, day, tables=(a_table("population", {(): count}),))


def test_what_one_took_the_other_shows_and_their_pages_are_equal(replicas: Replicas) -> None:
    assert replicas.push(replicas.first, shown(40, 1, TODAY - 1)) == 201
    eventually(lambda: patients(replicas.second) == ['study_patients{study="liver",site="berlin"} 40'])

    assert replicas.push(replicas.second, shown(50, 2)) == 201
    eventually(lambda: patients(replicas.first) == ['study_patients{study="liver",site="berlin"} 50'])
    assert replicas.first.get("/metrics").content == replicas.second.get("/metrics").content


def test_a_report_given_to_both_is_stored_once(replicas: Replicas) -> None:
    report = shown(40, 1)
    assert replicas.push(replicas.first, report) == 201
    assert replicas.push(replicas.second, report) == 200
    assert len(replicas.store.reports("liver", "berlin", 0, 9)) == 1


def test_a_replica_that_knows_less_refuses_a_number_that_was_taken(replicas: Replicas) -> None:
    assert replicas.push(replicas.first, shown(40, 1)) == 201
    assert replicas.push(replicas.second, shown(60, 1)) == 409


def test_what_is_retracted_leaves_both_pages(replicas: Replicas) -> None:
    replicas.push(replicas.first, shown(40, 1, TODAY - 1))
    replicas.push(replicas.first, shown(90, 2))
    eventually(lambda: patients(replicas.second) == ['study_patients{study="liver",site="berlin"} 90'])

    replicas.store.retract("liver", "berlin", 2, 2, "counted twice", NOW).result()
    for replica in (replicas.first, replicas.second):
        eventually(lambda replica=replica: patients(replica) == ['study_patients{study="liver",site="berlin"} 40'])

    replicas.store.retract("liver", "berlin", 1, 1, "counted twice", NOW).result()
    for replica in (replicas.first, replicas.second):
        eventually(lambda replica=replica: patients(replica) == [])


def test_a_refusal_at_one_is_counted_at_both(replicas: Replicas) -> None:
    assert replicas.push(replicas.first, shown(40, 1, TODAY + 3)) == 425
    name = 'study_site_refused_reports{study="liver",site="berlin",reason="in_future"} 1'
    eventually(lambda: name in replicas.second.get("/metrics").text)
