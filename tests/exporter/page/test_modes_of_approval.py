"""Who has to sign before a table leaves the first time: nobody beyond the policy, one person, or two."""

from pathlib import Path

import pytest

from page_cast import make_site, run
from studyscope_contract.keys import SigningKey
from studyscope_contract.policy import Policy
from studyscope_contract.policy_change import policy_changes
from studyscope_contract.report import SignedReport

Captured = pytest.CaptureFixture[str]


def site_with(folder: Path, mode: str) -> Path:
    """A scanned site with two approvers under this mode."""
    path, second = make_site(folder), SigningKey.generate()
    second.save(folder / "second.pem")
    study, approvers = path.read_text().split("    approvers: [")
    more = f"{approvers.rstrip()[:-1]}, {{name: Second, key: '{second.public.text}'}}]\n    policy: {{approvals: {mode}}}\n"
    path.write_text(f"{study}    approvers: [{more}")
    assert run(path, "scan", "--quiet") == 0
    return path


def tables_sent(site: Path) -> int:
    report = site.parent / f"report{len(list(site.parent.glob('report*')))}.json"
    run(site, "once", "--quiet")
    newest = max((site.parent / "state" / "studies" / "liver" / "outbox" / "waiting").glob("*.json"))
    report.write_bytes(newest.read_bytes())
    return len(SignedReport.from_bytes(report.read_bytes()).report.tables)


def test_with_four_eyes_the_first_signature_lets_nothing_out(tmp_path: Path, capsys: Captured) -> None:
    site = site_with(tmp_path, "four_eyes")
    run(site, "approve", "--key", str(tmp_path / "officer.pem"), "--yes")
    assert run(site, "approve", "--key", str(tmp_path / "officer.pem"), "--yes") == 0  # the same person twice is one person
    capsys.readouterr()
    run(site, "check", "--offline")
    assert "tables wait for an approver" in " ".join(capsys.readouterr().out.split())

    run(site, "approve", "--key", str(tmp_path / "second.pem"), "--yes")
    assert tables_sent(site) > 0


def test_with_four_eyes_nothing_leaves_while_the_second_does_not_answer(tmp_path: Path) -> None:
    site = site_with(tmp_path, "four_eyes")
    run(site, "approve", "--key", str(tmp_path / "officer.pem"), "--yes")

    assert tables_sent(site) == 0


def test_auto_lets_nothing_out_before_the_policy_is_signed(tmp_path: Path) -> None:
    assert tables_sent(site_with(tmp_path, "auto")) == 0


def test_auto_lets_tables_out_under_the_signature_of_the_policy(tmp_path: Path) -> None:
    site = site_with(tmp_path, "auto")
    assert run(site, "policy", "sign", "--key", str(tmp_path / "officer.pem"), "--yes") == 0

    assert tables_sent(site) > 0


def test_fewer_signatures_are_said_to_be_looser() -> None:
    (change,) = policy_changes(Policy(approvals="four_eyes"), Policy(approvals="auto"))

    assert (change.name, change.direction) == ("approvals", "looser")


def test_the_usual_mode_leaves_the_name_of_a_policy_as_it_was() -> None:
    assert Policy(approvals="one").hash == Policy().hash
    assert Policy(approvals="four_eyes").hash != Policy().hash
    assert Policy(approvals="four_eyes").rules_hash == Policy().rules_hash
