"""Everything that ever left, read by a person who has to answer for it."""

import csv
import datetime as dt
import io
import re
from pathlib import Path

import pytest
import yaml

from page_cast import make_site, run
from studyscope_contract.keys import SigningKey

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose first report left under an approval."""
    path = make_site(tmp_path)
    run(path, "scan", "--quiet")
    run(path, "approve", "--key", str(tmp_path / "officer.pem"), "--yes")
    run(path, "once", "--quiet")
    return path


def said(site: Path, capsys: Captured, *arguments: str) -> str:
    capsys.readouterr()
    assert run(site, "ledger", *arguments) == 0
    return capsys.readouterr().out


def test_the_list_names_acts_and_people(site: Path, capsys: Captured) -> None:
    listed = said(site, capsys, "list")

    assert "Study liver opened at site berlin under policy tens" in listed
    assert "Policy version 1" in listed
    assert "signed by DPO" in listed
    assert "DPO approved: " in listed
    assert "Report 1 of " in listed
    assert re.search(r"^ +\d+  \d{4}-\d\d-\d\d  DPO approved: ", listed, re.MULTILINE)
    assert re.search(r"^ +\d+  \d{4}-\d\d-\d\d  DPO approved: ", said(site, capsys, "export"), re.MULTILINE)


def test_the_export_has_table_value_recipient_policy_and_approver(site: Path, capsys: Captured) -> None:
    exported = said(site, capsys, "export")

    assert "to http://127.0.0.1:9; receipt: none kept here" in exported
    assert "Patients by sex [sex], approved by DPO" in exported
    assert "30  women" in exported
    assert " men" not in exported


def test_the_receipt_stands_beside_what_was_delivered(site: Path, capsys: Captured) -> None:
    delivered = site.parent / "state" / "studies" / "liver" / "outbox" / "delivered"
    (delivered / "0000000001.receipt").write_text("accepted as 17")

    assert "receipt: accepted as 17" in said(site, capsys, "export")


def test_a_spreadsheet_gets_a_row_for_each_number(site: Path, capsys: Captured) -> None:
    rows = list(csv.DictReader(io.StringIO(said(site, capsys, "export", "--csv"))))
    women = next(row for row in rows if (row["table"], row["cell"]) == ("sex", "women"))

    assert (women["value"], women["approved by"], women["recipient"]) == ("30", "DPO", "http://127.0.0.1:9")
    assert women["policy"].startswith("tens (")


def test_a_period_before_the_first_report_holds_none(site: Path, capsys: Captured) -> None:
    assert "women" not in said(site, capsys, "export", "--until", "2020-01-01")
    assert "women" not in said(site, capsys, "export", "--since", "2999-01-01")


def test_reports_in_which_nothing_changed_are_counted_not_listed(site: Path, capsys: Captured) -> None:
    once = said(site, capsys, "list")

    assert once.count("Report") == 1


def test_a_changed_ledger_is_said_to_be_broken_and_is_not_read_out(site: Path, capsys: Captured) -> None:
    ledger = site.parent / "state" / "studies" / "liver" / "domain" / "ledger.jsonl"
    copy = ledger.read_text()
    ledger.write_text(copy.replace('"value":30', '"value":40'))

    assert run(site, "ledger", "export") == 2
    assert "the ledger is damaged" in capsys.readouterr().err


def test_the_ledger_says_to_whom_everything_goes_and_since_when(site: Path, capsys: Captured) -> None:
    key = SigningKey.generate().public
    content = yaml.safe_load(site.read_text())
    content["studies"][0]["centre"] = {"url": "https://other.example", "keys": [key.text]}
    site.write_text(yaml.safe_dump(content))

    listed = said(site, capsys, "list")

    assert "What leaves goes to http://127.0.0.1:9, of which no key is named" in listed
    assert f"What leaves goes to https://other.example, whose key is {key.fingerprint}" in listed
    assert said(site, capsys, "list").count("What leaves goes to") == 2
    assert "to http://127.0.0.1:9; receipt" in said(site, capsys, "export"), "what left before went to the old address"


def test_what_a_report_says_of_the_installation_is_in_the_ledger_where_it_is_new(site: Path, capsys: Captured) -> None:
    exported = said(site, capsys, "export")

    assert exported.count("of the installation: ") == 1
    assert re.search(r"of the installation: release \d+\.\d+\.\d+; study version 1; folder can be read", exported)
    assert "offered: " in exported


def test_asking_for_enrolment_leaves_a_line_even_where_the_centre_does_not_answer(site: Path, capsys: Captured) -> None:
    assert run(site, "enrol", "liver") == 1
    today = dt.datetime.now(dt.UTC).date().isoformat()

    asked = said(site, capsys, "export", "--since", today, "--until", today)

    assert "Asked http://127.0.0.1:9 to enrol site berlin: sent that id and the public key" in asked
    assert "answered" not in asked
