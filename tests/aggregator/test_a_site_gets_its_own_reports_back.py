"""Only a site itself, by a fresh request under its own key, gets its accepted reports back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.routes.own_reports import AT_ONCE
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.keys import SigningKey
from studyscope_contract.site_request import ReportsRequest, SignedRequest

ADDRESS = "/api/v1/reports/own"


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path / "registry")


@pytest.fixture
def client(centre: Centre) -> Iterator[httpx.Client]:
    settings = centre.settings()
    with served(create_app(settings, open_store(settings.store), StandingClock())) as client:
        yield client


def request(key: SigningKey, after: int = 0, at: dt.datetime = NOW, site: str = "berlin", study: str = "liver") -> bytes:
    wanted = ReportsRequest(study=study, site=site, after=after, at=int(at.timestamp()))
    return SignedRequest.sign(wanted, key).to_bytes()


def test_the_bytes_come_back_as_they_were_sent_in_pages(client: httpx.Client, centre: Centre) -> None:
    first = TODAY - AT_ONCE - 20
    sent = [centre.signed(a_report(sequence=n, grid_point=first + n, tables=())).to_bytes() for n in range(1, AT_ONCE + 12)]
    for raw in sent:
        client.post("/api/v1/reports", content=raw)

    one = client.post(ADDRESS, content=request(centre.keys["berlin"])).content.splitlines()
    two = client.post(ADDRESS, content=request(centre.keys["berlin"], after=AT_ONCE)).content.splitlines()
    end = client.post(ADDRESS, content=request(centre.keys["berlin"], after=AT_ONCE + 11))

    assert [*one, *two] == sent
    assert (len(one), end.status_code, end.content) == (AT_ONCE, 200, b"")


def test_nobody_else_gets_them(client: httpx.Client, centre: Centre) -> None:
    berlin, oslo = centre.keys["berlin"], centre.keys["oslo"]
    client.post("/api/v1/reports", content=centre.signed(a_report()).to_bytes())

    for body in (request(oslo), request(SigningKey.generate()), request(berlin, site="oslo")):
        assert client.post(ADDRESS, content=body).status_code == 403
    assert client.post(ADDRESS, content=request(berlin, site="nowhere")).status_code == 403


@pytest.mark.parametrize("minutes", [-11, 11])
def test_a_copied_request_is_of_no_use_later(client: httpx.Client, centre: Centre, minutes: int) -> None:
    body = request(centre.keys["berlin"], at=NOW + dt.timedelta(minutes=minutes))
    answer = client.post(ADDRESS, content=body)

    assert answer.status_code == 403
    assert "check the clock" in answer.json()["message"]


def test_a_request_that_was_changed_is_refused(client: httpx.Client, centre: Centre) -> None:
    body = request(centre.keys["berlin"], after=7).replace(b'"after":7', b'"after":0')

    assert client.post(ADDRESS, content=body).status_code == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"x" * 100_000])
def test_anything_else_is_told_in_words(client: httpx.Client, body: bytes) -> None:
    answer = client.post(ADDRESS, content=body)

    assert answer.status_code == 400
    assert "no signed request of a site" in answer.json()["message"]


def test_the_newest_report_is_shown_to_its_site_also_when_it_was_retracted(client: httpx.Client, centre: Centre) -> None:
    sent = [centre.signed(a_report(sequence=n, grid_point=TODAY - 5 + n, tables=())).to_bytes() for n in (1, 2)]
    for raw in sent:
        client.post("/api/v1/reports", content=raw)
    store = open_store(centre.settings().store)
    store.retract("liver", "berlin", 1, 2, "a mistake", NOW).result()

    def asked(site: str, after: int) -> httpx.Response:
        wanted = ReportsRequest(purpose="newest_report", study="liver", site=site, after=after, at=int(NOW.timestamp()))
        return client.post(ADDRESS, content=SignedRequest.sign(wanted, centre.keys["berlin"]).to_bytes())

    assert client.post(ADDRESS, content=request(centre.keys["berlin"])).content == b""
    assert asked("berlin", 1).content.splitlines() == sent[1:]
    assert asked("berlin", 2).content == b""
    assert asked("oslo", 0).status_code == 403
    store.purge("liver", "berlin", 2, 2, "for good", NOW).result()
    store.close()
    assert asked("berlin", 1).content == b""
