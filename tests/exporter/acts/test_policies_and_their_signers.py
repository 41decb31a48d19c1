"""Who may sign, what they sign, and what a changed policy does before and after it is signed."""

import datetime as dt
import json
from pathlib import Path

import pytest

from acts_cast import Hospital, shown
from disclosure_cast import OFFICER, SECOND_OFFICER
from studyscope_contract.keys import SigningKey
from studyscope_contract.policy import Policy
from studyscope_contract.policy_change import policy_changes
from studyscope_exporter.disclosure.policy_signature import PolicySignature

DAY = dt.date(2026, 6, 1)


def sign(hospital: Hospital, name: str = "dpo") -> int:
    return hospital.run("policy", "sign", "--key", str(hospital.folder / f"{name}.pem"), "--yes")


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_signature_holds_the_whole_policy_and_falls_with_any_change() -> None:
    first = PolicySignature.sign(Policy(), (), OFFICER, DAY, site="berlin", study="liver")
    second = PolicySignature.sign(Policy(refuse=("sex",)), (first,), SECOND_OFFICER, DAY, site="berlin", study="liver")

    assert first.is_signed_by(OFFICER.public)
    assert not first.is_signed_by(SECOND_OFFICER.public)
    assert (first.version, second.version, second.before) == (1, 2, first.policy)
    forged = PolicySignature(**{**first.as_json(), "content": second.content})
    assert not forged.is_signed_by(OFFICER.public)


def test_changes_of_a_policy_have_a_direction() -> None:
    before = Policy(preset="tens", refuse=("sex",))
    after = Policy(preset="tens", k=12, delay_days=9, refuse=("modality",))

    assert [(one.name, one.before, one.after, one.direction) for one in policy_changes(before, after)] == [
        ("k", "11", "12", "stricter"),
        ("delay_days", "13", "9", "looser"),
        ("refuse", "", "modality", "stricter"),
        ("refuse", "sex", "", "looser"),
    ]


def test_who_approves_tables_signs_the_policy_with_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path, patients=30)
    hospital.run("policy", "show")
    assert "not signed: nothing leaves" in told(capsys)

    hospital.scanned_and_approved()
    assert sign(hospital, "head") == 0
    hospital.run("policy", "show")

    said = told(capsys)
    assert "version 1" in said
    assert "by dpo: in force" in said
    assert "by head: in force" in said
    assert [line["act"] for line in hospital.ledger()].count("policy") == 2


def test_until_a_changed_policy_is_signed_no_number_moves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path, patients=30)
    hospital.scanned_and_approved()
    hospital.once(0)

    hospital.policy = "{refuse: [sex]}"
    hospital.write()
    hospital.admit(40, start=100)
    unsigned = [hospital.once(day) for day in range(1, 17)]
    assert {tuple(shown(report, "population").values()) for report in unsigned} == {(30,)}
    assert all(shown(report, "sex") == {} for report in unsigned), "what the hospital now refuses is hidden at once"
    hospital.run("status")
    assert "the policy in the site file differs from the signed one" in told(capsys)

    assert sign(hospital) == 0
    signed = [hospital.once(day) for day in range(17, 33)]
    assert shown(signed[-1], "population") == {(): 70}
    assert shown(signed[-1], "sex") == {}


def test_diff_tells_what_follows_before_anybody_signs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path, patients=30)
    hospital.scanned_and_approved()
    proposal = tmp_path / "proposal.yaml"

    proposal.write_text("preset: coarse\n")
    assert hospital.run("policy", "diff", str(proposal)) == 0
    said = told(capsys)
    assert "s: 15 -> 30 (stricter)" in said
    assert "Every table is hidden from the next report on, until two approvers have approved it again" in said

    hospital.once()
    proposal.write_text("preset: fives\n")
    assert hospital.run("policy", "diff", str(proposal)) == 1
    assert "REFUSED: numbers were published under the signed policy" in told(capsys)

    assert hospital.run("policy", "diff") == 0
    assert "nothing changes" in told(capsys)


def test_a_looser_policy_is_refused_once_numbers_were_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path, patients=30)
    hospital.scanned_and_approved()
    hospital.once()

    hospital.policy = "{preset: fives}"
    hospital.write()
    capsys.readouterr()

    assert sign(hospital) == 2
    assert "looser than, what numbers were published under" in capsys.readouterr().err


def test_a_stranger_signs_no_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path)
    SigningKey.generate().save(tmp_path / "stranger.pem")

    assert sign(hospital, "stranger") == 2
    assert "is of no approver of this study" in capsys.readouterr().err


@pytest.fixture
def with_file(tmp_path: Path) -> Hospital:
    hospital = Hospital(tmp_path, patients=1)
    text = hospital.file.read_text()
    hospital.file.write_text(text.replace("    policy:", "    approvers_file: approvers.yaml\n    policy:"))
    hospital.run("status")
    return hospital


def test_an_approver_who_is_added_can_sign_until_removed_and_the_ledger_says_when(
    with_file: Hospital, capsys: pytest.CaptureFixture[str]
) -> None:
    new = SigningKey.generate()
    new.save(with_file.folder / "new.pem")

    assert with_file.run("approver", "add", "Dr. New", new.public.text) == 0
    assert new.public.fingerprint in told(capsys)
    with_file.run("approver", "list")
    assert f"Dr. New {new.public.fingerprint}" in told(capsys)
    assert sign(with_file, "new") == 0
    assert with_file.run("approver", "remove", "Dr. New") == 0
    assert with_file.run("approve", "--key", str(with_file.folder / "new.pem"), "--yes") == 2

    lines = [line for line in with_file.ledger() if line["act"] == "approvers"]
    assert [[one["name"] for one in line["added"]] for line in lines] == [["dpo", "head"], ["Dr. New"], []]
    assert [[one["name"] for one in line["removed"]] for line in lines] == [[], [], ["Dr. New"]]
    assert json.dumps(lines).count(new.public.text) == 2


def test_one_key_is_listed_once(with_file: Hospital, capsys: pytest.CaptureFixture[str]) -> None:
    known = SigningKey.load(with_file.folder / "dpo.pem").public.text

    assert with_file.run("approver", "add", "Somebody else", known) == 2
    assert "or this key, is there already" in capsys.readouterr().err


def test_without_a_file_for_approvers_the_site_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital(tmp_path, patients=1)

    assert hospital.run("approver", "add", "Dr. New", SigningKey.generate().public.text) == 2
    assert "approvers_file: is missing: name a file there" in capsys.readouterr().err


def test_a_person_of_the_site_file_is_removed_there(with_file: Hospital, capsys: pytest.CaptureFixture[str]) -> None:
    assert with_file.run("approver", "remove", "dpo") == 2
    assert "stands in the site file itself" in capsys.readouterr().err
