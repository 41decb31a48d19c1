"""A real Grafana before the guarded way to Prometheus: people log in by a real issuer, the public does not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
import yaml

from aggregator_cast import Centre, a_report, a_table, served
from oidc_issuer import CLIENT, SECRET, Issuer, issuer
from prometheus_server import free_port, prometheus
from studyscope_aggregator.access.role import Grant
from studyscope_aggregator.access.tokens import AccessTokens
from studyscope_aggregator.app import create_app
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.settings import AccessSettings, OpenIdSettings
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.grid import Grid
from studyscope_dashboards.cli import main
from studyscope_dashboards.look.grafana_server import Grafana, grafana_command, running_grafana
from studyscope_dashboards.provisioning import OpenId

pytestmark = pytest.mark.real

SHOWN = {"berlin": 4440, "lyon": 7770, "oslo": 2220}
PEOPLE = {"anna": ["studyscope-coordinator"], "carla": ["studyscope-site-berlin"], "dora": ["staff"]}


@dataclass(frozen=True)
class House:
    """Everything running."""

    grafana: Grafana
    provider: Issuer
    token: str  # of the public
    guarded_url: str
    folder: Path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    command = grafana_command(os.environ)
    if command is None:
        pytest.skip("no Grafana in GRAFANA_HOME or on the PATH")
    folder = tmp_path_factory.mktemp("house")
    centre, port, now = Centre(folder / "registry"), free_port(), SystemClock().now()
    with ExitStack() as running:
        provider = running.enter_context(issuer(PEOPLE))
        server = running.enter_context(prometheus(folder, scrapes=f"127.0.0.1:{port}"))
        access = AccessSettings(prometheus=server.url, openid=OpenIdSettings(issuer=provider.url))
        settings = centre.settings().model_copy(update={"access": access})
        client = running.enter_context(served(create_app(settings, MemoryStore(), SystemClock()), port))
        for site, shown in SHOWN.items():
            report = a_report(site, grid_point=Grid().index(now), tables=(a_table(cells={(): shown}),))
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
        places = (f"{provider.url}/authorize", f"{provider.url}/token", f"{provider.url}/userinfo")
        secret = folder / "secret"
        secret.write_text(SECRET)
        openid, guarded = OpenId(CLIENT, str(secret), *places), f"http://127.0.0.1:{port}/prometheus"
        grafana = running.enter_context(
            running_grafana(command, folder, guarded, os.environ, openid=openid, public_organisation="Public")
        )
        token = AccessTokens(centre.folder).add(Grant("public"), "public Grafana", now, now.date()).text
        deadline = time.monotonic() + 30
        while len(server.query("study_patients", time.time())) < len(SHOWN) and time.monotonic() < deadline:
            time.sleep(0.1)
        yield House(grafana, provider, token, guarded, folder)


@contextmanager
def logged_in(house: House, who: str) -> Iterator[httpx.Client]:
    """A browser after the log-in at the identity provider."""
    with httpx.Client(base_url=house.grafana.url, timeout=60, trust_env=False) as browser:
        asked = browser.get("/login/generic_oauth")
        assert asked.status_code == 302
        back = browser.get(f"{asked.headers['location']}&{urlencode({'login': who})}")
        done = browser.get(back.headers["location"])
        assert done.status_code == 302, done.text
        yield browser


def asked(browser: httpx.Client, promql: str, organisation: int = 1, source: str = "studyscope") -> httpx.Response:
    query = {"refId": "A", "datasource": {"uid": source, "type": "prometheus"}, "expr": promql, "instant": True}
    content = {"queries": [query | {"format": "time_series"}], "from": "now-5m", "to": "now"}
    return browser.post("/api/ds/query", json=content, headers={"X-Grafana-Org-Id": str(organisation)})


def sites(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    frames = answer.json()["results"]["A"]["frames"]
    return {
        field["labels"]["site"] for frame in frames for field in frame["schema"]["fields"] if "site" in field.get("labels", {})
    }


def test_a_site_s_user_asks_for_another_site_and_gets_nothing(house: House) -> None:
    with logged_in(house, "carla") as carla:
        assert sites(asked(carla, "study_patients")) == {"berlin"}
        for promql in ('study_patients{site="lyon"}', 'last_over_time({site=~"l.*"}[5m])', "topk(3, study_patients) by (site)"):
            answer = asked(carla, promql)
            assert "7770" not in answer.text
            assert sites(answer) <= {"berlin"}
        assert "14430" in asked(carla, 'study_consortium_patients{total="current"}').text


def test_no_other_way_through_grafana_gives_it_either(house: House) -> None:
    with logged_in(house, "carla") as carla:
        ways = [
            "/api/datasources/uid/studyscope/resources/api/v1/label/site/values",
            "/api/datasources/uid/studyscope/resources/api/v1/series?match[]=study_site_info",
            "/api/datasources/proxy/uid/studyscope/api/v1/query?query=study_site_info",
            "/api/datasources/proxy/uid/studyscope/api/v1/series?match[]=study_site_info",
            "/api/datasources/proxy/uid/studyscope/federate?match[]=study_site_info",
            "/api/datasources/proxy/uid/studyscope/api/v1/status/config",
        ]
        told = [carla.get(way) for way in ways]
        assert all("lyon" not in one.text for one in told)
        assert "berlin" in told[0].text


def test_the_coordinator_sees_every_site(house: House) -> None:
    with logged_in(house, "anna") as anna:
        assert sites(asked(anna, "study_patients")) == set(SHOWN)
        tested = anna.get("/api/datasources/uid/studyscope/resources/api/v1/label/site/values")
        assert tested.json()["data"] == sorted(SHOWN)


def test_somebody_without_a_role_is_told_so(house: House) -> None:
    with logged_in(house, "dora") as dora:
        answer = asked(dora, "study_consortium_patients")
        assert "dora has no role here" in answer.text


def test_the_shared_organisation_holds_no_secret_and_its_administrator_no_role(house: House) -> None:
    provisioned = yaml.safe_load((house.folder / "provisioning" / "datasources" / "studyscope.yaml").read_text())
    (source,) = provisioned["datasources"]
    assert "secureJsonData" not in source
    assert not {"basicAuth", "httpHeaderName1"} & {*source, *source["jsonData"]}
    with httpx.Client(base_url=house.grafana.url, auth=("admin", house.grafana.password), timeout=60, trust_env=False) as admin:
        assert "nobody is logged in" in asked(admin, "study_patients").text


def test_the_public_has_an_organisation_of_its_own_with_totals_only(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    password, token = house.folder / "password", house.folder / "token"
    password.write_text(house.grafana.password + "\n")
    token.write_text(house.token + "\ntoken abc, valid until …\n")
    command = ["public", "--grafana", house.grafana.url, "--admin-password-file", str(password), "--token-file", str(token)]

    for _ in range(2):
        assert main([*command, "--prometheus", house.guarded_url]) == 0
    assert "shows totals to whoever has not logged in" in capsys.readouterr().out
    with httpx.Client(base_url=house.grafana.url, timeout=60, trust_env=False) as passer_by:
        (page,) = passer_by.get("/api/search?type=dash-db").json()
        assert page["uid"] == "totals"
        public = passer_by.get("/api/org").json()
        assert public["name"] == "Public"
        number = int(public["id"])
        assert "14430" in asked(passer_by, 'study_consortium_patients{total="current"}', number).text
        refused = asked(passer_by, "study_patients", number)
        assert "only totals can be asked for" in refused.text
        assert "4440" not in refused.text
        for other in (asked(passer_by, "study_patients", 1), passer_by.get("/api/datasources/uid/studyscope")):
            assert "4440" not in other.text
            assert house.token not in other.text


def test_who_stays_longer_than_a_token_lives_goes_on_with_a_fresh_one(house: House) -> None:
    house.provider.lifetime = 2
    try:
        with logged_in(house, "carla") as carla:
            time.sleep(3)
            assert sites(asked(carla, "study_patients")) == {"berlin"}
    finally:
        house.provider.lifetime = 300
