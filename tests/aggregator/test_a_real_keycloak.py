"""Log-in by a real Keycloak: its tokens, its groups, its log-in page. Run on request; see KEYCLOAK_HOME below."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from aggregator_cast import Centre, a_report, served
from prometheus_server import free_port, prometheus
from studyscope_aggregator.app import create_app
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.settings import AccessSettings, OpenIdSettings
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.grid import Grid

HOME = os.environ.get("KEYCLOAK_HOME")
pytestmark = [
    pytest.mark.optional,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        HOME is None,
        reason="set KEYCLOAK_HOME to an unpacked org.keycloak:keycloak-quarkus-dist:26.4.0:zip (Maven Central, 160 MB; needs Java 17)",
    ),
]

CLIENT, SECRET, PASSWORD = "studyscope", "between-us", "a password"
PEOPLE = {"anna": "studyscope-coordinator", "carla": "studyscope-site-berlin", "dora": "staff"}


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
    with (folder / "keycloak.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            deadline = time.monotonic() + 420
            while not _answers(issuer):
                assert process.poll() is None, (folder / "keycloak.log").read_text()[-2000:]
                assert time.monotonic() < deadline, "Keycloak did not start"
                time.sleep(1)
            yield issuer
        finally:
            process.terminate()
            process.wait(60)


def _answers(issuer: str) -> bool:
    try:
        return httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_people_of_a_keycloak_see_what_their_groups_say(tmp_path: Path) -> None:
    centre, port, now = Centre(tmp_path / "registry"), free_port(), SystemClock().now()
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    base = f"http://127.0.0.1:{port}"
    with keycloak(tmp_path, f"{base}/login/back") as issuer, prometheus(tmp_path, scrapes=f"127.0.0.1:{port}") as server:
        openid = OpenIdSettings(issuer=issuer, audience=CLIENT, client_secret_file=secret)
        access = AccessSettings(prometheus=server.url, openid=openid)
        settings = centre.settings().model_copy(update={"access": access, "base_url": base})
        with served(create_app(settings, MemoryStore(), SystemClock()), port) as client:
            for site in ("berlin", "lyon"):
                report = a_report(site, grid_point=Grid().index(now))
                assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
            _wait_for(server.url)

            assert _sites(client, issuer, "anna") == {"berlin", "lyon"}
            assert _sites(client, issuer, "carla") == {"berlin"}
            assert _asked(client, issuer, "dora").status_code == 403
            page = _logged_in(base, "carla")
            assert "Hospital berlin" in page
            assert "lyon" not in page.lower()


def _wait_for(prometheus_url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = httpx.get(f"{prometheus_url}/api/v1/query", params={"query": "study_patients"}, trust_env=False)
        if len(answer.json()["data"]["result"]) == 2:
            return
        time.sleep(0.2)
    raise AssertionError("Prometheus has not read the centre")


def _asked(client: httpx.Client, issuer: str, who: str) -> httpx.Response:
    """As Grafana asks: with the tokens that Keycloak gave at the log-in."""
    form = {"grant_type": "password", "client_id": CLIENT, "client_secret": SECRET, "username": who, "password": PASSWORD}
    given = (
        httpx.post(f"{issuer}/protocol/openid-connect/token", data=form | {"scope": "openid"}, trust_env=False, timeout=120)
        .raise_for_status()
        .json()
    )
    headers = {"Authorization": f"Bearer {given['access_token']}", "X-ID-Token": given["id_token"]}
    return client.get("/prometheus/api/v1/query", params={"query": "study_patients"}, headers=headers)


def _sites(client: httpx.Client, issuer: str, who: str) -> set[str]:
    answer = _asked(client, issuer, who)
    assert answer.status_code == 200, answer.text
    return {row["metric"]["site"] for row in answer.json()["data"]["result"]}


def _logged_in(base: str, who: str) -> str:
    """Through Keycloak's own log-in page in a browser: its cookies are for secure places, which the loopback is to browsers."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on the PATH")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(base)
        page.fill("#username", who)
        page.fill("#password", PASSWORD)
        page.click("#kc-login")
        page.wait_for_url(f"{base}/")
        seen: str = page.content()
        browser.close()
        return seen
