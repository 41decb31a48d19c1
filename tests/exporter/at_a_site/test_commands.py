"""A site from an empty folder to a first approved report, by its commands alone, on real DICOM files."""

import json
from pathlib import Path

import pytest

from site_cast import write_patient
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import Report, SignedReport
from studyscope_exporter.cli import main

STUDY = """\
schema: 1
id: liver
title: Liver
version: 1
leads: [{name: Dr. Lead, mail: lead@study.example}]
sites: [{id: berlin, name: Berlin, city: Berlin, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}]
cohort: {modalities: [CT]}
stages: [imaged]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site file with 30 patients, keys, and nobody at the other end."""
    approver = SigningKey.generate()
    approver.save(tmp_path / "approver.pem")
    (tmp_path / "study.yaml").write_text(STUDY)
    for number in range(30):
        write_patient(tmp_path / "dicom", number, "F" if number < 27 else "M")
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: berlin\nstate: state\nkeys: keys\nsources: [{name: archive, kind: folder, path: dicom}]\n"
        "studies:\n  - study_file: study.yaml\n    centre: {url: 'http://127.0.0.1:9', timeout_seconds: 1}\n"
        f"    approvers: [{{name: DPO, key: '{approver.public.text}'}}]\n"
    )
    assert run(path, "keygen") == 0
    return path


def run(site: Path, *arguments: str) -> int:
    return main(["--config", str(site), *arguments])


def test_a_site_without_keys_is_told_to_make_them(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site.parent / "keys" / "site.secret").unlink()

    assert run(site, "scan") == 2
    assert "run studyscope-exporter keygen" in capsys.readouterr().err


def test_making_keys_again_changes_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (site.parent / "keys" / "signing.pem").read_bytes()

    assert run(site, "keygen") == 0
    assert (site.parent / "keys" / "signing.pem").read_bytes() == before


def test_check_says_what_is_ready_and_what_is_to_be_done(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(site, "check") == 1
    said = " ".join(capsys.readouterr().out.split())

    assert "numbers in multiples of 10, nothing under 15, nothing moves for fewer than 10 people" in said
    assert "tables wait for an approver" in said
    assert "outbound TCP from this machine to 127.0.0.1, port 9; nothing inbound" in said


def test_count_gives_the_exact_numbers_and_says_that_they_stay_here(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(site, "count") == 1, "nothing was scanned yet"
    run(site, "scan", "--quiet")
    capsys.readouterr()

    assert run(site, "count", "--json") == 0
    said = capsys.readouterr()
    counted = json.loads(said.out)["studies"]["liver"]

    assert counted["population"] == {"patients": 30}
    assert counted["sex"] == {"F": 27, "M": 3}
    assert "do not pass them on" in said.err


def test_nothing_leaves_before_it_is_approved(site: Path) -> None:
    run(site, "once", "--quiet")

    assert sent(site).tables == ()
    assert sent(site).facts.tables["sex"] == "not_approved"


def test_after_approval_the_first_release_shows_tens_and_hides_the_few(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(site, "scan", "--quiet")
    assert run(site, "approve", "--key", str(site.parent / "approver.pem"), "--yes") == 0
    preview = site.parent / "preview.json"
    assert run(site, "preview", "--bytes", str(preview)) == 0
    run(site, "once", "--quiet")

    shown = {table.table: {cell.codes: cell.value for cell in table.cells} for table in sent(site).tables}
    assert shown["population"] == {(): 30}
    assert shown["sex"] == {("F",): 30}
    previewed = SignedReport.from_bytes(preview.read_bytes()).report
    assert {table.table for table in previewed.tables} == set(shown)
    assert run(site, "ledger") == 0
    assert "the chain is whole" in capsys.readouterr().out


def test_another_key_than_an_approvers_signs_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SigningKey.generate().save(site.parent / "stranger.pem")

    assert run(site, "approve", "--key", str(site.parent / "stranger.pem"), "--yes") == 2
    assert "is of no approver of this study" in capsys.readouterr().err


def test_status_tells_a_monitoring_system_what_waits_for_a_person(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(site, "once", "--quiet")
    capsys.readouterr()

    assert run(site, "status", "--json") == 1
    status = json.loads(capsys.readouterr().out)["studies"][0]

    assert status["waiting_reports"] == 1
    assert any("wait for an approver" in problem for problem in status["problems"])


def test_no_name_identifier_or_path_of_a_patient_is_in_state_ledger_report_or_output(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(site, "approve", "--key", str(site.parent / "approver.pem"), "--yes")
    run(site, "-v", "once")
    for command in ("count", "preview", "status"):
        run(site, command)
    said = capsys.readouterr()

    stored = b"".join(path.read_bytes() for path in (site.parent / "state").rglob("*") if path.is_file())
    for hiding_place in (stored, said.out.encode(), said.err.encode()):
        assert b"anary" not in hiding_place
        assert b"CANARY" not in hiding_place


def sent(site: Path) -> Report:
    """The newest report that waits for the centre."""
    newest = max((site.parent / "state" / "studies" / "liver" / "outbox" / "waiting").glob("*.json"))
    return SignedReport.from_bytes(newest.read_bytes()).report
