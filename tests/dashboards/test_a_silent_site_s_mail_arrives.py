"""Real Prometheus, real Alertmanager, real SMTP: from a site's state to a mail that a person can read."""

from __future__ import annotations

import datetime as dt
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mail_sink import Mailbox, free_port, mail_server, part, start, wait_until
from studyscope_contract.catalogue import centre
from studyscope_contract.study import Lead, Study
from studyscope_contract.study_site import StudySite
from studyscope_dashboards.alertmanager import Contacts, MailTiming, Smtp, alertmanager_config
from studyscope_dashboards.mail_templates import write_mail_templates
from studyscope_dashboards.prometheus import prometheus_config
from studyscope_dashboards.rules import write_rules

PROMETHEUS = shutil.which("prometheus")
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (PROMETHEUS and ALERTMANAGER), reason="Prometheus and Alertmanager are not installed"),
]

STUDY = Study(
    schema_version=1,
    id="liver-ct",
    title="Liver tumours in CT",
    version=1,
    leads=(Lead(name="L. Lead", mail="lead@study.example"),),
    sites=(
        StudySite(id="lyon", name="Hospital of Lyon", city="Lyon", latitude=45.7, longitude=4.8, member_from=dt.date(2026, 1, 1)),
    ),
)
LAST_REPORT = dt.datetime(2026, 11, 9, 22, tzinfo=dt.UTC)
CONTACTS = Contacts(("coordinator@centre.example",), {"lyon": ("it@lyon.example",)})


@dataclass
class Centre:
    """What the aggregator would say of Lyon; `answers` False is an aggregator that restarts."""

    state: str = "fresh"
    answers: bool = True

    def metrics(self) -> str:
        site = 'study="liver-ct",site="lyon"'
        states = (f'study_site_state{{{site},state="{state}"}} {int(state == self.state)}' for state in centre.SITE_STATES)
        last = f"study_site_last_report_timestamp_seconds{{{site}}} {LAST_REPORT.timestamp():.0f}"
        info = f'study_site_info{{{site},name="Hospital of Lyon",city="Lyon",latitude="45.7",longitude="4.8"}} 1'
        return "\n".join((*states, info, last, ""))


def serve(said: Centre) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = said.metrics().encode() if said.answers and self.path == "/metrics" else b""
            self.send_response(200 if said.answers else 503)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """A test prints nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def said() -> Centre:
    return Centre()


@pytest.fixture
def mailbox(tmp_path: Path, said: Centre) -> Iterator[Mailbox]:
    """A centre that evaluates every second and writes mails at once."""
    with ExitStack() as stack:
        box = stack.enter_context(mail_server())
        alert_port, prometheus_port = free_port(), free_port()
        server = serve(said)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)

        templates = write_mail_templates(tmp_path, "https://grafana.example", "https://docs.example")
        smtp = Smtp(f"127.0.0.1:{box.port}", "studyscope@centre.example", require_tls=False)
        timing = MailTiming(gather="1s", regather="1s", repeat="1h")
        routes = alertmanager_config([STUDY], CONTACTS, smtp, timing, template_files=[path.name for path in templates])
        (tmp_path / "alertmanager.yml").write_text(routes, encoding="utf-8")
        rules = write_rules(tmp_path)
        config = prometheus_config(
            f"127.0.0.1:{server.server_address[1]}",
            alertmanager=f"127.0.0.1:{alert_port}",
            rule_files=[rules.name],
            scrape_interval="1s",
            evaluation_interval="1s",
        )
        (tmp_path / "prometheus.yml").write_text(config, encoding="utf-8")
        listen = f"127.0.0.1:{alert_port}"
        command = [str(ALERTMANAGER), "--config.file=alertmanager.yml", "--storage.path=am", "--cluster.listen-address="]
        start(stack, tmp_path, "alertmanager", [*command, f"--web.listen-address={listen}"], f"http://{listen}/-/ready")
        listen = f"127.0.0.1:{prometheus_port}"
        command = [str(PROMETHEUS), "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address={listen}"]
        start(stack, tmp_path, "prometheus", command, f"http://{listen}/-/ready")
        yield box


def test_everybody_concerned_learns_of_a_silent_site_and_of_its_recovery(said: Centre, mailbox: Mailbox) -> None:
    said.state = "silent"
    people = ("lead@study.example", "it@lyon.example", "coordinator@centre.example")
    wait_until(lambda: all(mailbox.to(person) for person in people), "the first mail to everybody")

    first = mailbox.to("lead@study.example")[0]
    text, html = part(first, "plain"), part(first, "html")
    assert first["Subject"] == "Studyscope liver-ct: Hospital of Lyon is silent"
    for body in (text, html):
        assert "Hospital of Lyon (Lyon) has not reported for several of its reporting days" in body
        assert "Its last report is of 9 November 2026. Dashboards go on" in body
        assert "What to do" in body
        assert "Hospital of Lyon, Lyon (site lyon)" in body
        assert f"{dt.datetime.now(dt.UTC):%B %Y}" in body
        assert "https://docs.example/runbooks.html#site_silent" in body
    assert "https://grafana.example/d/site?var-study=liver-ct&var-site=lyon" in text
    assert "{{" not in text + html
    assert "<no value>" not in text + html

    said.answers = False
    time.sleep(6)
    assert not any("no longer" in mail["Subject"] for _, mail in mailbox.mails), "a series that vanished is no recovery"
    said.answers = True

    said.state = "fresh"
    wait_until(lambda: all("no longer" in mailbox.to(person)[-1]["Subject"] for person in people), "the mail that it is over")
    last = mailbox.to("lead@study.example")[-1]
    assert last["Subject"] == "Studyscope liver-ct: Hospital of Lyon is no longer overdue"
    assert "Nothing has to be done" in part(last, "plain")
    assert len(mailbox.to("lead@study.example")) == 2
