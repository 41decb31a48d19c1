"""A patient who withdraws: by the command, and by the hospital's register of consent."""

import json
from pathlib import Path

import pytest

from acts_cast import Hospital, shown
from studyscope_exporter.disclosure.store import STATE

CONSENT = (
    "  - {name: consent, kind: consent, path: consent.csv, columns: {patient: PID, study: Study, status: Status, date: Day}}"
)


def counted(hospital: Hospital, capsys: pytest.CaptureFixture[str], study: str = "liver") -> int:
    capsys.readouterr()
    assert hospital.run("count", "--json", "--study", study) == 0
    found: int = json.loads(capsys.readouterr().out)["studies"][study]["population"].get("patients", 0)
    return found


def test_a_withdrawn_patient_is_counted_no_more_and_no_scan_brings_them_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hospital = Hospital(tmp_path, patients=30)
    hospital.scanned_and_approved()
    hospital.once()

    assert hospital.run("withdraw", "CANARY-3", "--yes") == 0
    said = capsys.readouterr().out
    hospital.run("scan", "--quiet")

    assert "still shown, as multiples of 10" in said
    assert "population" in said
    assert counted(hospital, capsys) == 29
    assert shown(hospital.once(), "population") == {(): 30}, "what is published stays until a batch moved"


def test_the_ledger_has_a_line_that_says_nothing_of_who_it_was(tmp_path: Path) -> None:
    hospital = Hospital(tmp_path, patients=3)
    hospital.run("scan", "--quiet")

    hospital.run("withdraw", "CANARY-2", "--yes")
    hospital.run("withdraw", "CANARY-2", "--yes")

    lines = [line for line in hospital.ledger() if line["act"] == "withdrawal"]
    assert [sorted(line) for line in lines] == [["act", "before", "day", "mark", "number", "signature"]]
    assert hospital.run("ledger") == 0


def test_repeating_it_changes_nothing_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path, patients=3)
    hospital.run("scan", "--quiet")
    hospital.run("withdraw", "CANARY-2", "--yes")
    state = hospital.folder / "state" / "studies" / "liver" / "domain" / STATE
    before = state.read_bytes()

    assert hospital.run("withdraw", "CANARY-2", "--yes") == 0
    assert "withdrawn already; nothing was changed" in capsys.readouterr().out
    assert state.read_bytes() == before


def test_without_the_word_nothing_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hospital = Hospital(tmp_path, patients=3)
    hospital.run("scan", "--quiet")
    answers = iter(["yes", "withdraw"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))

    assert hospital.run("withdraw", "CANARY-2") == 1
    assert counted(hospital, capsys) == 3
    assert hospital.run("withdraw", "CANARY-2") == 0
    assert counted(hospital, capsys) == 2


def test_an_id_that_no_record_has_is_asked_about_and_marked_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hospital = Hospital(tmp_path, patients=2)
    hospital.run("scan", "--quiet")

    assert hospital.run("withdraw", "CANARY-2", "--yes") == 0
    assert "No record of this site is of that Patient ID" in capsys.readouterr().out
    hospital.admit(1, start=2)
    hospital.run("scan", "--quiet")
    assert counted(hospital, capsys) == 2


def test_one_study_or_all_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path, patients=4, studies=("liver", "spleen"))
    hospital.run("scan", "--quiet")

    assert hospital.run("withdraw", "CANARY-1", "--yes") == 2
    assert "--study ID, or --all" in capsys.readouterr().err
    hospital.run("withdraw", "CANARY-1", "--study", "liver", "--yes")
    assert (counted(hospital, capsys), counted(hospital, capsys, "spleen")) == (3, 4)
    hospital.run("withdraw", "CANARY-2", "--all", "--yes")
    assert (counted(hospital, capsys), counted(hospital, capsys, "spleen")) == (2, 3)


def test_the_register_of_consent_takes_people_out_at_every_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path, patients=6, sources=CONSENT, studies=("liver", "spleen"))
    register = tmp_path / "consent.csv"
    register.write_text("PID;Study;Status;Day\nCANARY-0;;given;2026-01-02\nCANARY-1;;withdrawn;2026-01-02\n")
    hospital.run("scan", "--quiet")
    assert counted(hospital, capsys) == 5

    with register.open("a") as file:
        file.write("CANARY-2;spleen;Withdrawn;2026-02-02\nCANARY-3;liver;withdrawn;2099-01-01\n")
    hospital.run("scan", "--quiet")

    assert counted(hospital, capsys) == 5, "one withdrew from another study, one from a day that is still to come"
    assert counted(hospital, capsys, "spleen") == 4


@pytest.mark.parametrize("loss", ["deleted", "emptied", "given again"])
def test_a_register_that_is_down_or_forgets_brings_nobody_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], loss: str
) -> None:
    hospital = Hospital(tmp_path, patients=4, sources=CONSENT)
    register = tmp_path / "consent.csv"
    register.write_text("PID,Study,Status,Day\nCANARY-1,,withdrawn,\n")
    hospital.run("scan", "--quiet")

    register.write_text("PID,Study,Status,Day\n" + ("CANARY-1,,given,\n" if loss == "given again" else ""))
    if loss == "deleted":
        register.unlink()
    capsys.readouterr()
    assert hospital.run("scan") == (1 if loss == "deleted" else 0)

    assert ("Nobody is brought back" in " ".join(capsys.readouterr().err.split())) == (loss == "deleted")
    assert counted(hospital, capsys) == 3


def test_a_bad_line_is_named_by_its_number_and_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path, patients=6, sources=CONSENT)
    lines = ["PID,Study,Status,Day", "CANARY-1,,perhaps,", ",,withdrawn,", "CANARY-2,kidney,withdrawn,", "CANARY-3,,no,1.2.26"]
    (tmp_path / "consent.csv").write_text("\n".join([*lines, "CANARY-4,,withdrawn,2026-02-01"]))

    assert hospital.run("scan") == 0
    said = " ".join(capsys.readouterr().err.split())

    assert "line 2: status not known; there are: given, yes" in said
    assert "line 3: no patient is named" in said
    assert "line 4: study not of this site; nobody was withdrawn" in said
    assert "line 5: date not as %Y-%m-%d; taken as withdrawn today" in said
    assert "CANARY" not in said
    assert counted(hospital, capsys) == 4
    hospital.run("status")
    assert "line 3: no patient is named" in capsys.readouterr().out


def test_check_names_a_column_that_the_register_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path, patients=1, sources=CONSENT)
    (tmp_path / "consent.csv").write_text("PID,Status,Day\n")

    assert hospital.run("check", "--offline") == 1
    assert "there are: PID, Status, Day" in " ".join(capsys.readouterr().out.split())
