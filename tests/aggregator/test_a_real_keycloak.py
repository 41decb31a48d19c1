"""Log-in by a real Keycloak: its tokens, its groups, its log-in page. Run on request; see KEYCLOAK_HOME below."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from aggregator_cast import Centre, a_report, a_table, served
from prometheus_server import free_port, prometheus
from studyscope_aggregator.app import create_app
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.settings import AccessSettings, OpenIdSettings
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.grid import Grid
from studyscope_dashboards.look.grafana_server import grafana_command, running_grafana
from studyscope_dashboards.provisioning import OpenId

HOME = os.environ.get("KEYCLOAK_HOME")
pytestmark = [
    pytest.mark.optional,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        HOME is None,
        reason="set KEYCLOAK_HOME to an unpacked org.keycloak:keycloak-quarkus-dist:26.4.0:zip (Maven Central, 160 MB; needs Java 17)",
    ),
]

CLIENT, SECRET, PASSWORD = "studyscope", "between-us", "a password"
PEOPLE = {
    "anna": "studyscope-coordinator",
    "bert": "studyscope-lead-liver",
    "carla": "studyscope-site-berlin",
    "dora": "staff",
}
SHOWN = {"berlin": 4440, "lyon": 7770}
LYON = re.compile("lyon|7770", re.IGNORECASE)
OF_LYON = (
    'study_patients{site="lyon"}',
    'last_over_time({site=~"l.*"}[5m])',
    "topk(3, study_patients) by (site)",
    'study_site_info{site="lyon"}',
    "sum without (site) (study_patients)",
)


def realm(back: str) -> dict[str, object]:
    """A realm as docs/who-sees-what.md asks for: one client, a mapper that names the groups, people in groups."""
    mapper = {
        "name": "groups",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-group-membership-mapper",
        "config": {"claim.name": "groups", "full.path": "true", "id.token.claim": "true", "access.token.claim": "true"},
    }
    client = {
        "clientId": CLIENT,
        "secret": SECRET,
        "redirectUris": [back],
        "directAccessGrantsEnabled": True,
        "protocolMappers": [mapper],
    }
    users = [
        {
            "username": name,
            "enabled": True,
            "email": f"{name}@id.example",
            "emailVerified": True,
            "firstName": name.title(),
            "lastName": "Somebody",
            "groups": [f"/{group}"],
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }
        for name, group in PEOPLE.items()
    ]
    groups = [{"name": group} for group in PEOPLE.values()]
    return {"realm": "research", "enabled": True, "sslRequired": "none", "clients": [client], "groups": groups, "users": users}


@contextmanager
def keycloak(folder: Path, back: str) -> Iterator[str]:
    """A Keycloak on a free port of the loopback with the realm above; the address of its issuer."""
    assert HOME is not None
    home, port, management = folder / "keycloak", free_port(), free_port()
    shutil.copytree(HOME, home)
    (home / "data" / "import").mkdir(parents=True, exist_ok=True)
    (home / "data" / "import" / "research.json").write_text(json.dumps(realm(back)))
    command = [str(home / "bin" / "kc.sh"), "start-dev", "--import-realm", "--cache=local", "--http-host=127.0.0.1"]
    command += [f"--http-port={port}", f"--http-management-port={management}"]
    issuer = f"http://127.0.0.1:{port}/realms/research"
    quick = {**os.environ, "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1"}
    with (folder / "keycloak.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, env=quick) as process:
        try:
            deadline = time.monotonic() + 1200
            while not _answers(issuer):
                assert process.poll() is None, (folder / "keycloak.log").read_text()[-2000:]
                assert time.monotonic() < deadline, "Keycloak did not start"
                time.sleep(1)
            yield issuer
        finally:
            process.terminate()
            process.wait(120)


def _answers(issuer: str) -> bool:
    try:
        return httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@dataclass(frozen=True)
class House:
    """A centre that knows people by a Keycloak, before a Prometheus that holds two hospitals."""

    client: httpx.Client
    issuer: str
    secret: Path
    folder: Path

    @property
    def base(self) -> str:
        return str(self.client.base_url).rstrip("/")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, port, now = tmp_path_factory.mktemp("house"), free_port(), SystemClock().now()
    centre, secret = Centre(folder / "registry"), folder / "secret"
    secret.write_text(SECRET)
    base = f"http://127.0.0.1:{port}"
    with keycloak(folder, "http://127.0.0.1:*") as issuer, prometheus(folder, scrapes=f"127.0.0.1:{port}") as server:
        openid = OpenIdSettings(issuer=issuer, audience=CLIENT, client_secret_file=secret)
        access = AccessSettings(prometheus=server.url, openid=openid)
        settings = centre.settings().model_copy(update={"access": access, "base_url": base})
        with served(create_app(settings, MemoryStore(), SystemClock()), port) as client:
            for site, patients in SHOWN.items():
                report = a_report(site, grid_point=Grid().index(now), tables=(a_table(cells={(): patients}),))
                assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
            _wait_for(server.url)
            yield House(client, issuer, secret, folder)


def test_people_of_a_keycloak_see_what_their_groups_say(house: House) -> None:
    assert _sites(house, "anna") == {"berlin", "lyon"}
    assert _sites(house, "bert") == {"berlin", "lyon"}
    assert _sites(house, "carla") == {"berlin"}
    assert _asked(house, "dora").status_code == 403
    for promql in OF_LYON:
        answer = _asked(house, "carla", promql)
        assert answer.status_code in (200, 400, 403)
        assert not LYON.search(answer.text.replace(promql, "")), promql


def test_people_log_in_to_the_centre_s_page_by_a_keycloak(house: House) -> None:
    with _browser() as browser:
        page = _logged_in(browser, house.base, house.base + "/", "carla")
        assert "Hospital berlin" in page.content()
        assert "lyon" not in page.content().lower()
    with _browser() as browser:
        assert "Hospital lyon" in _logged_in(browser, house.base, house.base + "/", "bert").content()


def test_a_site_s_user_of_a_keycloak_asks_grafana_for_another_site_and_gets_nothing(house: House) -> None:
    command = grafana_command(os.environ)
    if command is None:
        pytest.skip("no Grafana in GRAFANA_HOME or on the PATH")
    places = (f"{house.issuer}/protocol/openid-connect/{name}" for name in ("auth", "token", "userinfo"))
    openid = OpenId(CLIENT, str(house.secret), *places)
    with running_grafana(command, house.folder, f"{house.base}/prometheus", os.environ, openid=openid) as grafana:
        seen = {}
        for who in ("anna", "bert", "carla"):
            with _browser() as browser:
                page = _logged_in(browser, f"{grafana.url}/login/generic_oauth", f"{grafana.url}/**", who)
                seen[who] = [_from_grafana(page, grafana.url, promql) for promql in ("study_patients", *OF_LYON)]
        assert all("4440" in answers[0] for answers in seen.values())
        assert all("7770" in seen[who][0] for who in ("anna", "bert"))
        assert not [found for found in seen["carla"] if "7770" in found or LYON.search(_data(found))]


def _from_grafana(page: Any, url: str, promql: str) -> str:
    query = {"refId": "A", "datasource": {"uid": "studyscope", "type": "prometheus"}, "expr": promql, "instant": True}
    content = {"queries": [query | {"format": "time_series"}], "from": "now-5m", "to": "now"}
    return str(page.request.post(f"{url}/api/ds/query", data=content).text())


def _data(answer: str) -> str:
    """Without the text of the query, which Grafana repeats to the one who asked."""
    frames = json.loads(answer).get("results", {}).get("A", {}).get("frames", [])
    return json.dumps([[frame["data"], [field.get("labels") for field in frame["schema"]["fields"]]] for frame in frames])


def _wait_for(prometheus_url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = httpx.get(f"{prometheus_url}/api/v1/query", params={"query": "study_patients"}, trust_env=False)
        if len(answer.json()["data"]["result"]) == 2:
            return
        time.sleep(0.2)
    raise AssertionError("Prometheus has not read the centre")


def _asked(house: House, who: str, promql: str = "study_patients") -> httpx.Response:
    """As Grafana asks: with the tokens that Keycloak gave at the log-in."""
    form = {"grant_type": "password", "client_id": CLIENT, "client_secret": SECRET, "username": who, "password": PASSWORD}
    given = (
        httpx.post(f"{house.issuer}/protocol/openid-connect/token", data=form | {"scope": "openid"}, trust_env=False, timeout=120)
        .raise_for_status()
        .json()
    )
    headers = {"Authorization": f"Bearer {given['access_token']}", "X-ID-Token": given["id_token"]}
    return house.client.get("/prometheus/api/v1/query", params={"query": promql}, headers=headers)


def _sites(house: House, who: str) -> set[str]:
    answer = _asked(house, who)
    assert answer.status_code == 200, answer.text
    return {row["metric"]["site"] for row in answer.json()["data"]["result"]}


@contextmanager
def _browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on the PATH")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def _logged_in(browser: Any, address: str, then: str, who: str) -> Any:
    """Through Keycloak's own log-in page in a browser: its cookies are for secure places, which the loopback is to browsers."""
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.goto(address)
    page.fill("#username", who)
    page.fill("#password", PASSWORD)
    page.click("#kc-login")
    page.wait_for_url(then)
    return page
