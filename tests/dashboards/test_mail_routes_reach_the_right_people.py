"""The Alertmanager configuration, judged by amtool."""

from __future__ import annotations

import datetime as dt
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from studyscope_contract.study import Lead, Study
from studyscope_contract.study_site import StudySite
from studyscope_dashboards.alertmanager import Contacts, MailTiming, Smtp, alertmanager_config, write_alertmanager_config
from studyscope_dashboards.cli import main
from studyscope_dashboards.mail_templates import mail_addresses, write_mail_templates
from studyscope_dashboards.registry_contacts import ContactsProblem, contacts_in

AMTOOL = shutil.which("amtool")
needs_amtool = pytest.mark.skipif(AMTOOL is None, reason="amtool is not installed")


def site(name: str) -> StudySite:
    city = name.capitalize()
    return StudySite(id=name, name=f"Hospital of {city}", city=city, latitude=50, longitude=8, member_from=dt.date(2026, 1, 1))


def study(name: str = "liver-ct") -> Study:
    return Study(
        schema_version=1,
        id=name,
        title="Liver tumours in CT",
        version=1,
        leads=(Lead(name="L. Lead", mail=f"lead@{name}.example"),),
        sites=(site("berlin"), site("lyon"), site("oslo")),
    )


CONTACTS = Contacts(
    ("coordinator@centre.example",), {"berlin": ("it@berlin.example", "it2@berlin.example"), "lyon": ("it@lyon.example",)}
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    templates = write_mail_templates(tmp_path, "https://grafana.example/", "https://docs.example/")
    smtp = Smtp("mail.example:587", "studyscope@centre.example", username="studyscope", password_file="/run/secrets/smtp")
    names = [path.name for path in templates]
    path = tmp_path / "alertmanager.yml"
    content = alertmanager_config([study(), study("lung-mr")], CONTACTS, smtp, template_files=names)
    write_alertmanager_config(path, content)
    return path


def receivers(config: Path, **labels: str) -> set[str]:
    """Addresses that an alert with `labels` is mailed to."""
    command = [str(AMTOOL), "config", "routes", "test", f"--config.file={config}", *(f"{k}={v}" for k, v in labels.items())]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split(",")
    defined = {receiver["name"]: receiver for receiver in yaml.safe_load(config.read_text(encoding="utf-8"))["receivers"]}
    return {mail["to"] for name in names for mail in defined[name].get("email_configs", [])}


@needs_amtool
def test_amtool_accepts_configuration_and_templates(config: Path) -> None:
    done = subprocess.run([str(AMTOOL), "check-config", str(config)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 templates" in done.stdout


@needs_amtool
def test_a_technical_alert_goes_to_the_site_s_it_and_the_coordinator_and_to_no_lead(config: Path) -> None:
    reached = receivers(config, study="liver-ct", site="berlin", audience="technical")

    assert reached == {"coordinator@centre.example", "it@berlin.example", "it2@berlin.example"}


@needs_amtool
def test_a_decision_goes_to_the_study_s_leads_and_the_coordinator_and_to_no_site(config: Path) -> None:
    reached = receivers(config, study="lung-mr", site="berlin", audience="decision")

    assert reached == {"coordinator@centre.example", "lead@lung-mr.example"}


@needs_amtool
def test_what_concerns_everyone_goes_to_all_of_one_site_and_one_study_only(config: Path) -> None:
    reached = receivers(config, study="liver-ct", site="lyon", audience="everyone")

    assert reached == {"coordinator@centre.example", "it@lyon.example", "lead@liver-ct.example"}


@needs_amtool
def test_a_site_without_contact_still_reaches_the_coordinator(config: Path) -> None:
    assert receivers(config, study="liver-ct", site="oslo", audience="technical") == {"coordinator@centre.example"}


@needs_amtool
def test_an_alert_of_the_centre_goes_to_the_coordinator_and_one_of_an_unknown_study_to_nobody(config: Path) -> None:
    assert receivers(config, alertname="aggregator_down", audience="technical") == {"coordinator@centre.example"}
    assert receivers(config, study="ended", site="berlin", audience="everyone") == set()


def test_mails_are_repeated_weekly_and_need_tls_unless_said_otherwise(config: Path) -> None:
    content = yaml.safe_load(config.read_text(encoding="utf-8"))

    assert content["route"]["repeat_interval"] == MailTiming().repeat == "168h"
    assert content["global"]["smtp_require_tls"] is True
    assert content["global"]["smtp_auth_password_file"] == "/run/secrets/smtp"


def test_the_file_names_people_so_others_cannot_read_it(config: Path) -> None:
    assert not config.stat().st_mode & stat.S_IRWXO


def test_an_address_that_would_break_the_templates_is_refused() -> None:
    with pytest.raises(ValueError, match="not an address"):
        mail_addresses('https://grafana.example/{{ define "x" }}', "https://docs.example")


def test_contacts_come_from_the_registry_whatever_else_it_holds(tmp_path: Path) -> None:
    registry = tmp_path / "sites.yaml"
    registry.write_text(
        "sites:\n"
        "- {id: berlin, keys: [{key: x}], contacts: [{role: site_it, name: B, mail: it@berlin.example},"
        " {role: data_protection, name: D, mail: dpo@berlin.example}]}\n"
        "- {id: oslo}\n",
        encoding="utf-8",
    )

    found = contacts_in(registry, ["coordinator@centre.example"])

    assert found == Contacts(("coordinator@centre.example",), {"berlin": ("it@berlin.example",), "oslo": ()})


def test_a_registry_that_cannot_be_used_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    registry = tmp_path / "sites.yaml"
    with pytest.raises(ContactsProblem, match="cannot be read"):
        contacts_in(registry, [])

    registry.write_text("sites:\n- {name: berlin}\n", encoding="utf-8")
    with pytest.raises(ContactsProblem, match=r"sites\.0\.id: Field required"):
        contacts_in(registry, [])


@needs_amtool
def test_the_command_writes_a_folder_that_alertmanager_accepts(tmp_path: Path) -> None:
    (tmp_path / "sites.yaml").write_text("sites:\n- {id: berlin}\n", encoding="utf-8")
    file = tmp_path / "liver-ct.yaml"
    file.write_text(yaml.safe_dump(study().model_dump(mode="json", by_alias=True)), encoding="utf-8")
    out = tmp_path / "alertmanager.yml"
    words = [
        "--smtp",
        "mail.example:587",
        "--sender",
        "s@centre.example",
        "--grafana",
        "https://g.example",
        "--runbooks",
        "https://d.example",
    ]

    code = main(
        [
            "alertmanager",
            "--study",
            str(file),
            "--sites",
            str(tmp_path / "sites.yaml"),
            "--coordinator",
            "c@centre.example",
            *words,
            "--out",
            str(out),
        ]
    )

    assert code == 0
    assert subprocess.run([str(AMTOOL), "check-config", str(out)], capture_output=True, check=False).returncode == 0


def test_a_study_file_with_a_mistake_ends_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("schema: 1\nleeds: []\n", encoding="utf-8")
    words = ["--smtp", "m:25", "--sender", "s@c.example", "--grafana", "g", "--runbooks", "r", "--coordinator", "c@c.example"]

    code = main(["alertmanager", "--study", str(file), "--sites", "sites.yaml", *words, "--out", str(tmp_path / "a.yml")])

    assert code == 2
    assert "line 2: leeds: unknown key" in capsys.readouterr().err


@needs_amtool
def test_the_watchdog_is_mailed_to_nobody_and_rings_a_webhook_where_there_is_one(config: Path, tmp_path: Path) -> None:
    assert receivers(config, alertname="watchdog", audience="machine") == set()

    smtp = Smtp("mail.example:587", "studyscope@centre.example")
    content = alertmanager_config([study()], CONTACTS, smtp, template_files=[], watchdog="https://watch.example/ping")
    path = tmp_path / "watched.yml"
    path.write_text(content, encoding="utf-8")

    assert subprocess.run([str(AMTOOL), "check-config", str(path)], capture_output=True, check=False).returncode == 0
    receiver = next(one for one in yaml.safe_load(content)["receivers"] if one["name"] == "watchdog")
    assert receiver["webhook_configs"] == [{"url": "https://watch.example/ping", "send_resolved": False}]


def test_quiet_hours_are_an_option_of_the_rules_and_a_wrong_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prometheus", "--aggregator", "a:1", "--quiet", "20-6+weekends", "--out", str(tmp_path)]) == 0
    assert "hour() >= 20" in (tmp_path / "studyscope.rules.yml").read_text(encoding="utf-8")

    with pytest.raises(SystemExit):
        main(["prometheus", "--aggregator", "a:1", "--quiet", "at night", "--out", str(tmp_path)])
    assert "write two different hours in UTC" in capsys.readouterr().err
