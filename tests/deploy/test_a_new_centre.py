"""`studyscope-aggregator init`: a centre from nothing, its servers really started, a report through its front door."""

from __future__ import annotations

import configparser
import datetime as dt
import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
import yaml

from aggregator_cast import a_report
from studyscope_aggregator.__main__ import main
from studyscope_aggregator.registry import load_registry
from studyscope_aggregator.settings import read_settings
from studyscope_contract.grid import Grid
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport
from studyscope_exporter.delivery.outbox import Outbox
from studyscope_exporter.delivery.push import CentreClient
from studyscope_exporter.delivery.trust import Trust
from tls_certificate import certificate

ANSWERS = (
    "init", "--host", "centre.example", "--study", "liver", "--title", "Liver: \"lesions\"", "--lead", "Dr. Ä. Lead=lead@centre.example",
    "--coordinator", "office@centre.example", "--site", "berlin=Charité, Mitte,Berlin,52.53,13.38", "--site", "oslo=Rikshospitalet,Oslo,59.9,10.7",
    "--smtp", "127.0.0.1:25", "--sender", "studyscope@centre.example",
)  # fmt: skip


def init(folder: Path, *more: str) -> int:
    return main(["--config", str(folder / "centre.yaml"), *ANSWERS, *more])


def test_what_is_written_is_what_the_centre_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(tmp_path) == 0

    registry = load_registry(read_settings(tmp_path / "centre.yaml").registry)
    study = registry.studies["liver"].study
    assert (study.title, study.leads[0].name) == ('Liver: "lesions"', "Dr. Ä. Lead")
    assert [(site.id, site.name) for site in study.sites] == [("berlin", "Charité, Mitte"), ("oslo", "Rikshospitalet")]
    assert dict(registry.sites) == {}
    capsys.readouterr()
    assert main(["--config", str(tmp_path / "centre.yaml"), "check"]) == 0
    assert "liver/berlin is in the study file but" in capsys.readouterr().out


def test_history_has_the_same_window_at_both_ends(tmp_path: Path) -> None:
    init(tmp_path)

    window = yaml.safe_load((tmp_path / "prometheus/prometheus.yml").read_text())["storage"]["tsdb"]["out_of_order_time_window"]
    write = read_settings(tmp_path / "centre.yaml").remote_write
    assert write is not None
    assert window == f"{write.window_hours // 24}d"
    assert "--storage.tsdb.retention.time=5y" in (tmp_path / "prometheus/arguments").read_text().split()


def test_a_centre_that_is_there_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "centre.yaml").write_text("mine")

    assert init(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["centre.yaml"]
    assert "is there already; nothing was written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--host", "https://centre.example"], "without https://"),
        (["--host", "centre; rm"], "without https://"),
        (["--site", "oslo"], "write ID=NAME,CITY,LATITUDE,LONGITUDE"),
        (["--site", "paris=Hôtel-Dieu,Paris,90.5,2"], "latitude"),
        (["--study", "Liver Study"], "line 4: id:"),
        (["--lead", "Somebody"], "write NAME=MAIL"),
        (["--smtp", "mail.example"], "write HOST:PORT"),
        (["--smtp", "mail.example:99999"], "write HOST:PORT"),
        (["--https-port", "99999"], "a port is 1 to 65535"),
        (["--coordinator", "office"], "--coordinator 'office': write a mail address"),
        (["--sender", "not a mail"], "--sender 'not a mail': write a mail address"),
        (["--lead", "L=nobody"], "--lead 'nobody': write a mail address"),
        (["--oidc-issuer", "http://127.0.0.1:9/realm"], "gives no discovery document"),
    ],
)
def test_a_wrong_answer_is_told_and_nothing_is_written(
    tmp_path: Path, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, *flags) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_log_in_by_an_identity_provider_is_read_from_its_discovery_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Provider(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            names = ("authorization", "token", "userinfo")
            document = {f"{name}_endpoint": f"https://id.example/{name}" for name in names} | {
                "issuer": "https://id.example/realm"
            }
            body = json.dumps(document).encode()
            self.send_response(200 if self.path == "/realm/.well-known/openid-configuration" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        assert init(tmp_path, "--oidc-issuer", f"http://127.0.0.1:{server.server_port}/realm", "--oidc-client", "grafana") == 0
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    settings = configparser.ConfigParser(interpolation=None)
    settings.read(tmp_path / "grafana/grafana.ini")
    assert settings["auth.generic_oauth"]["token_url"] == "https://id.example/token"
    assert settings["auth.generic_oauth"]["client_secret"] == f"$__file{{{tmp_path}/grafana/oidc-secret}}"
    assert settings["server"]["root_url"] == "https://centre.example/grafana/"
    access = read_settings(tmp_path / "centre.yaml").access
    assert access is not None
    assert access.openid is not None
    assert (access.openid.issuer, access.openid.audience) == ("https://id.example/realm", "grafana")
    assert access.openid.client_secret_file == tmp_path / "keys/page-oidc-secret"
    assert "location /login { proxy_pass" in (tmp_path / "nginx/studyscope.conf").read_text()
    said = capsys.readouterr().out
    assert "https://centre.example/login/back" in said
    assert "https://centre.example/grafana/login/generic_oauth" in said
    assert main(["--config", str(tmp_path / "centre.yaml"), "check"]) == 2
    assert "keys/page-oidc-secret" in capsys.readouterr().err
    (tmp_path / "keys/page-oidc-secret").write_text("ours")
    assert main(["--config", str(tmp_path / "centre.yaml"), "check"]) == 0
    assert "people of https://id.example/realm, 0 tokens of machines in force\npages: people log in" in capsys.readouterr().out
    source = yaml.safe_load((tmp_path / "grafana/provisioning/datasources/studyscope.yaml").read_text())["datasources"][0]
    assert source["url"] == "http://127.0.0.1:8400/prometheus"
    assert source["jsonData"]["oauthPassThru"] is True
    assert "secureJsonData" not in source


@pytest.mark.parametrize("layout", ["machine", "compose"])
def test_grafana_starts_with_no_password_that_anybody_knows(
    tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    init(tmp_path, "--layout", layout)

    settings = configparser.ConfigParser(interpolation=None)
    settings.read(tmp_path / "grafana" / "grafana.ini")
    place = {"machine": f"{tmp_path}/grafana/admin-password", "compose": "/run/secrets/grafana_password"}[layout]
    assert settings["security"]["admin_password"] == f"$__file{{{place}}}"
    asked = {"machine": place, "compose": "secrets/grafana-password"}[layout]
    assert f"       {asked}  a password for Grafana's user admin" in capsys.readouterr().out


def test_for_compose_the_programs_find_each_other_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    init(folder, "--layout", "compose", "--smtp-user", "me")

    assert str(tmp_path) not in "".join(
        path.read_text() for path in folder.rglob("*") if path.is_file() and path.suffix != ".json"
    )
    assert read_settings(folder / "centre.yaml").listen.host == "0.0.0.0"
    door = (folder / "nginx/studyscope.conf").read_text()
    assert "proxy_pass http://aggregator:8400" in door
    assert "location = / { return 302 /grafana/; }" in door  # without a log-in the pages stay inside


class Centre:
    """The folder of a new centre on ports that are free here, and its programs."""

    def __init__(self, folder: Path, started: ExitStack) -> None:
        self.folder, self._started = folder, started
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
        self.aggregator, self.prometheus, self.alertmanager, self.https = (each.getsockname()[1] for each in sockets)
        for each in sockets:
            each.close()
        assert init(folder, "--https-port", str(self.https)) == 0
        moved = {"8400": self.aggregator, "9090": self.prometheus, "9093": self.alertmanager}
        for path in (
            "centre.yaml",
            "prometheus/prometheus.yml",
            "prometheus/arguments",
            "alertmanager/arguments",
            "nginx/studyscope.conf",
        ):
            text = (folder / path).read_text()
            for old, new in moved.items():
                text = text.replace(f":{old}", f":{new}").replace(f"port: {old}", f"port: {new}")
            (folder / path).write_text(text)

    def start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self._started.callback(process.wait, 20)
        self._started.callback(process.terminate)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


def program(*names: str) -> str:
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
        if found:
            return found
    pytest.skip(f"no {names[0]} on this machine (Debian: apt-get install prometheus prometheus-alertmanager nginx-light)")


@pytest.fixture
def started() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def eventually(what: Callable[[], bool], log: Callable[[], str]) -> None:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            if what():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(log())


@pytest.mark.real
def test_a_report_goes_through_the_front_door_into_prometheus(tmp_path: Path, started: ExitStack) -> None:
    prometheus, alertmanager, nginx = program("prometheus"), program("alertmanager", "prometheus-alertmanager"), program("nginx")
    centre = Centre(tmp_path, started)
    pem = certificate(tmp_path)
    for name in ("tls.crt", "tls.key"):
        shutil.copy(pem, tmp_path / "nginx" / name)
    key = SigningKey.generate()
    today = dt.datetime.now(dt.UTC).date()
    row = {
        "id": "berlin",
        "registered": str(today),
        "keys": [{"key": key.public.text, "valid_from": str(today), "valid_until": "2099-01-01"}],
    }
    (tmp_path / "registry/sites.yaml").write_text(yaml.safe_dump({"sites": [row]}))
    text = (tmp_path / "prometheus/prometheus.yml").read_text().replace("scrape_interval: 1m", "scrape_interval: 1s")
    (tmp_path / "prometheus/prometheus.yml").write_text(text)
    (tmp_path / "nginx.conf").write_text(
        f"user {getpass.getuser()}; pid {tmp_path}/nginx.pid; error_log {tmp_path}/nginx-error.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy; fastcgi_temp_path {tmp_path}/f;"
        f" uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s; include {tmp_path}/nginx/studyscope.conf; }}\n"
    )

    checked = subprocess.run([nginx, "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    centre.start("nginx", nginx, "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;")
    centre.start("aggregator", sys.executable, "-m", "studyscope_aggregator", "--config", str(tmp_path / "centre.yaml"), "serve")
    centre.start("alertmanager", alertmanager, f"@{tmp_path}/alertmanager/arguments")
    centre.start("prometheus", prometheus, f"@{tmp_path}/prometheus/arguments")

    site = CentreClient(f"https://127.0.0.1:{centre.https}", proxy=None, timeout_seconds=10, trust=Trust(pem))
    started.callback(site.close)
    eventually(lambda: site.health().status_code == 200, lambda: centre.log("aggregator") + centre.log("nginx"))
    grid_point = Grid().index(dt.datetime.now(dt.UTC))
    outbox = Outbox(tmp_path / "outbox")
    outbox.put(SignedReport.sign(a_report(grid_point=grid_point, tables=()), key))
    assert site.deliver(outbox).accepted == 1

    asked = f"http://127.0.0.1:{centre.prometheus}/api/v1/query"
    eventually(
        lambda: bool(
            httpx.get(asked, params={"query": 'study_site_last_report_timestamp_seconds{site="berlin"}'}).json()["data"]["result"]
        ),
        lambda: centre.log("prometheus"),
    )
    alerts = httpx.get(f"http://127.0.0.1:{centre.alertmanager}/api/v2/status").json()
    assert "studyscope@centre.example" in alerts["config"]["original"]
    door = {
        path: site._http.get(path).status_code
        for path in ("/metrics", "/metrics/self", "/readyz", "/openapi.json", "/docs/runbooks.html", "/")
    }
    assert door == {
        "/metrics": 404,
        "/metrics/self": 404,
        "/readyz": 404,
        "/openapi.json": 404,
        "/docs/runbooks.html": 200,
        "/": 302,
    }
    assert site._http.post("/api/v1/reports", content=b" " * 1_500_000).status_code == 413, "the aggregator's own refusal"
