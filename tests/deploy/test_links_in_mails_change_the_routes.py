"""Real aggregator, real Alertmanager, real SMTP: who stops their mails gets none, and nothing is restarted."""

from __future__ import annotations

import datetime as dt
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from aggregator_cast import Centre, served
from mail_sink import Mailbox, free_port, links, mail_server, start, wait_until
from studyscope_aggregator.app import create_app
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.mail_choices import CHOICES_FILE, MailChoices
from studyscope_contract.mail_link import LinkSecret
from studyscope_contract.study import Study
from studyscope_contract.yaml_file import read_yaml
from studyscope_dashboards.alertmanager import Contacts, MailTiming, Smtp, alertmanager_config, write_alertmanager_config
from studyscope_dashboards.following import Alertmanager, follow
from studyscope_dashboards.mail_templates import write_mail_templates
from studyscope_dashboards.personal_mails import PersonalMails
from studyscope_dashboards.registry_contacts import contacts_in

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

pytestmark = [pytest.mark.real, pytest.mark.skipif(not ALERTMANAGER, reason="Alertmanager is not installed")]

LEAD, OFFICE, IT = "lead@centre.example", "office@centre.example", "it@berlin.example"


@dataclass(frozen=True)
class Running:
    """A centre whose routes follow what people choose."""

    mailbox: Mailbox
    alertmanager: str
    aggregator: httpx.Client
    registry: Path

    def alert(self, name: str) -> None:
        labels = {"alertname": name, "study": "liver", "site": "berlin", "audience": "everyone", "severity": "warning"}
        texts = {key: f"{name}: {key}" for key in ("title", "over", "what", "to_do")} | {"dashboard": "/d/site", "runbook": "r#x"}
        alert = {"labels": labels, "annotations": texts, "startsAt": dt.datetime.now(dt.UTC).isoformat()}
        httpx.post(f"{self.alertmanager}/api/v2/alerts", json=[alert], trust_env=False).raise_for_status()

    def mailed(self, name: str, *people: str) -> bool:
        return all(any(name in str(mail) for mail in self.mailbox.to(person)) for person in people)

    def status(self) -> dict[str, object]:
        found: dict[str, object] = httpx.get(f"{self.alertmanager}/api/v2/status", trust_env=False).json()
        return found

    def link(self, person: str, purpose: str) -> str:
        (found,) = {link for link in links(self.mailbox.to(person)[-1]) if f"/links/{purpose}." in link}
        return found


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with ExitStack() as stack:
        centre, secret = Centre(tmp_path / "registry"), LinkSecret.generate()
        secret.save(tmp_path / "mail-links")
        settings = centre.settings().model_copy(update={"mail_links": tmp_path / "mail-links"})
        aggregator = stack.enter_context(served(create_app(settings, MemoryStore(), SystemClock())))
        box = stack.enter_context(mail_server())
        listen = f"127.0.0.1:{free_port()}"
        study, sites, choices = (centre.folder / name for name in ("studies/liver.yaml", "sites.yaml", CHOICES_FILE))

        def write(today: dt.date) -> bool:
            personal = PersonalMails(str(aggregator.base_url), secret, MailChoices.read(choices), today)
            smtp = Smtp(f"127.0.0.1:{box.port}", "studyscope@centre.example", require_tls=False)
            timing = MailTiming(gather="1s", regather="1s", repeat="1h")
            contacts = Contacts((OFFICE,), contacts_in(sites, ()).site_it)
            templates = [path.name for path in write_mail_templates(tmp_path, "https://g.example", "https://d.example")]
            routes = alertmanager_config(
                [read_yaml(study, Study)], contacts, smtp, timing, template_files=templates, personal=personal
            )
            write_alertmanager_config(tmp_path / "alertmanager.yml", routes)
            return True

        write(dt.datetime.now(dt.UTC).date())
        command = [str(ALERTMANAGER), "--config.file=alertmanager.yml", "--storage.path=am", "--cluster.listen-address="]
        start(stack, tmp_path, "alertmanager", [*command, f"--web.listen-address={listen}"], f"http://{listen}/-/ready")
        ended = threading.Event()
        follower = threading.Thread(
            target=follow,
            args=(write, lambda: [study, sites, choices], Alertmanager(f"http://{listen}")),
            kwargs={"now": lambda: dt.datetime.now(dt.UTC), "wait": lambda _: ended.wait(0.2), "until": ended.is_set},
        )
        follower.start()
        stack.callback(follower.join, 20)
        stack.callback(ended.set)
        yield Running(box, f"http://{listen}", aggregator, centre.folder)


def test_a_scanner_opens_every_link_and_only_the_reader_s_own_click_stops_their_mails(running: Running) -> None:
    since = running.status()["uptime"]
    running.alert("first")
    wait_until(lambda: running.mailed("first", LEAD, OFFICE, IT), "the first mail to everybody")

    own = [link for person in (LEAD, OFFICE, IT) for link in links(running.mailbox.to(person)[0]) if "/links/" in link]
    assert len(own) == len(set(own)), "no link is in two people's mails"
    for link in own:
        assert running.aggregator.get(link).status_code == running.aggregator.head(link).status_code == 200
    assert not (running.registry / CHOICES_FILE).exists()
    running.alert("second")
    wait_until(lambda: running.mailed("second", LEAD, OFFICE, IT), "mails to everybody, after the scanner")

    running.aggregator.post(running.link(LEAD, "mails"), data={"act": "stop", "for": "month"})
    running.aggregator.post(running.link(IT, "mails"), data={"act": "stop", "for": "open"})
    config = running.registry.parent / "alertmanager.yml"
    wait_until(lambda: LEAD not in config.read_text() and IT not in config.read_text(), "new routes")
    wait_until(lambda: LEAD not in str(running.status()["config"]), "Alertmanager to read them")
    before = len(running.mailbox.to(LEAD)), len(running.mailbox.to(IT))
    running.alert("third")
    wait_until(lambda: running.mailed("third", OFFICE), "the mail to the coordinator")

    assert (len(running.mailbox.to(LEAD)), len(running.mailbox.to(IT))) == before
    assert running.status()["uptime"] == since, "Alertmanager was not restarted"


def test_who_starts_their_mails_again_learns_of_what_goes_on(running: Running) -> None:
    running.alert("first")
    wait_until(lambda: running.mailed("first", LEAD, OFFICE), "the first mail")
    link = running.link(LEAD, "mails")
    running.aggregator.post(link, data={"act": "stop", "for": "month"})
    wait_until(lambda: LEAD not in str(running.status()["config"]), "Alertmanager to read routes without the lead")
    running.alert("second")
    wait_until(lambda: running.mailed("second", OFFICE), "the mail to the coordinator")

    running.aggregator.post(link, data={"act": "start"})

    wait_until(lambda: running.mailed("second", LEAD), "the mail to who is told again")


def test_the_last_coordinator_who_is_told_is_offered_no_link_to_stop(running: Running) -> None:
    running.alert("first")
    wait_until(lambda: running.mailed("first", OFFICE), "the first mail")

    (mail,) = running.mailbox.to(OFFICE)[:1]
    assert not any("/links/mails." in link for link in links(mail))
    assert any("/links/downtime." in link for link in links(mail))


def test_alertmanager_that_starts_after_the_routes_changed_is_told_when_it_answers(tmp_path: Path) -> None:
    said: list[str] = []
    with ExitStack() as stack:
        (tmp_path / "alertmanager.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        listen, steps = f"127.0.0.1:{free_port()}", iter(range(20))
        alertmanager = Alertmanager(f"http://{listen}")
        said.append(alertmanager.reload())

        def wait(_: float) -> None:
            if next(steps) == 2:
                command = [str(ALERTMANAGER), "--config.file=alertmanager.yml", "--storage.path=am", "--cluster.listen-address="]
                start(stack, tmp_path, "alertmanager", [*command, f"--web.listen-address={listen}"], f"http://{listen}/-/ready")

        def write(_: dt.date) -> bool:
            text = "route: {receiver: somebody}\nreceivers: [{name: somebody}]\n"
            (tmp_path / "alertmanager.yml").write_text(text)
            return True

        def config() -> str:
            return str(httpx.get(f"http://{listen}/api/v2/status", trust_env=False).json()["config"])

        turns = iter(range(6))
        follow(write, list, alertmanager, now=lambda: dt.datetime.now(dt.UTC), wait=wait, until=lambda: next(turns) == 5)
        assert "somebody" in config()
        (tmp_path / "alertmanager.yml").write_text("route: {receiver: gone}\n")
        said.append(alertmanager.reload())

    assert "does not answer" in said[0]
    assert "refuses the configuration" in said[1]
