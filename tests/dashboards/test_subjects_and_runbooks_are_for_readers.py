"""What a study lead sees first: the subject of a mail, and the page that its link opens."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from mail_sink import Mailbox, free_port, mail_server, part, start, wait_until
from studyscope_contract.study import Lead, Study
from studyscope_contract.study_site import StudySite
from studyscope_dashboards.alertmanager import Contacts, MailTiming, Smtp, alertmanager_config
from studyscope_dashboards.mail_templates import write_mail_templates
from studyscope_dashboards.rules import alert_rules

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
HOSPITALS = {"east": "St. Mary's (East)", "ost": "Klinikum Süd-Ost [Haus 2]", "oslo": "Rikshospitalet", "rome": "Policlinico"}
STUDY = Study(
    schema_version=1,
    id="liver-ct",
    title="Liver tumours in CT",
    version=1,
    leads=(Lead(name="L. Lead", mail="lead@study.example"),),
    sites=tuple(
        StudySite(id=site, name=name, city="City", latitude=50, longitude=8, member_from=dt.date(2026, 1, 1))
        for site, name in HOSPITALS.items()
    ),
)


@dataclass(frozen=True)
class Alerts:
    """An Alertmanager that mails at once, and what it mails."""

    url: str
    mailbox: Mailbox

    def subject(self, *sites: str, over: tuple[str, ...] = ()) -> str:
        """Of the mail that follows when these alerts go on and those are over; an empty site is the study as a whole."""
        now, before = dt.datetime.now(dt.UTC), len(self.mailbox.mails)
        alerts = []
        for site in (*sites, *over):
            labels = {"alertname": "site_silent" if site else "coverage_low", "study": "liver-ct", "audience": "decision"}
            labels |= {"site": site, "name": HOSPITALS[site], "city": "City"} if site else {}
            texts = {
                "title": f"{HOSPITALS.get(site, 'The study')} is silent",
                "over": "It is over",
                "to_do_leads": "Call <them>.",
            }
            ends = {"endsAt": now.isoformat()} if site in over else {}
            started = (now - dt.timedelta(hours=1)).isoformat()
            alerts.append({"labels": labels, "annotations": texts, "startsAt": started, **ends})
        httpx.post(f"{self.url}/api/v2/alerts", json=alerts, trust_env=False).raise_for_status()
        wait_until(lambda: len(self.mailbox.mails) > before, "the mail")
        return str(self.mailbox.mails[-1][1]["Subject"])


@pytest.fixture
def alerts(tmp_path: Path) -> Iterator[Alerts]:
    if not ALERTMANAGER:
        pytest.skip("Alertmanager is not installed")
    with ExitStack() as stack:
        box = stack.enter_context(mail_server())
        templates = [path.name for path in write_mail_templates(tmp_path, "https://g.example", "https://d.example")]
        smtp = Smtp(f"127.0.0.1:{box.port}", "s@centre.example", require_tls=False)
        routes = alertmanager_config([STUDY], Contacts(()), smtp, MailTiming("1s", "1s", "1h"), template_files=templates)
        (tmp_path / "alertmanager.yml").write_text(routes, encoding="utf-8")
        listen = f"127.0.0.1:{free_port()}"
        command = [str(ALERTMANAGER), "--config.file=alertmanager.yml", "--storage.path=am", "--cluster.listen-address="]
        start(stack, tmp_path, "alertmanager", [*command, f"--web.listen-address={listen}"], f"http://{listen}/-/ready")
        yield Alerts(f"http://{listen}", box)


@pytest.mark.real
def test_subjects_name_hospitals_as_people_do_whatever_signs_their_names_hold(alerts: Alerts) -> None:
    assert alerts.subject("east") == "Studyscope liver-ct: St. Mary's (East) is silent"
    assert (
        alerts.subject("east", "ost")
        == "Studyscope liver-ct: 2 things need attention (Klinikum Süd-Ost [Haus 2], St. Mary's (East))"
    )
    assert alerts.subject("ost", over=("east",)) == "Studyscope liver-ct: Klinikum Süd-Ost [Haus 2] is silent; over: 1"

    several = alerts.subject("", *HOSPITALS)

    assert several.startswith("Studyscope liver-ct: 5 things need attention (the study, Klinikum Süd-Ost [Haus 2], Policlinico")
    assert several.endswith("…)")
    assert "<strong>Study leads:</strong> Call &lt;them&gt;." in part(alerts.mailbox.mails[-1][1], "html")


def test_the_page_of_runbooks_has_the_anchor_of_every_mail_and_no_link_that_leads_nowhere() -> None:
    page = files("studyscope_dashboards").joinpath("runbooks.html").read_text(encoding="utf-8")
    anchors = set(re.findall(r'<h2 id="(\w+)">', page))

    assert {rule.to_prometheus()["annotations"]["runbook"] for rule in alert_rules()} == {
        f"runbooks.html#{one}" for one in anchors
    }
    assert {link for link in re.findall(r'href="([^"]+)"', page) if link.removeprefix("#") not in anchors} == set()
