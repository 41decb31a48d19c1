"""An approver signs what they were shown and nothing else, here or on another computer."""

import json
from pathlib import Path

import pytest

from page_cast import copied_site, make_site, run
from site_cast import write_patient
from studyscope_contract.keys import SigningKey


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_site(tmp_path_factory.mktemp("template"))
    assert run(path, "scan", "--quiet") == 0
    return path


@pytest.fixture
def site(scanned: Path, tmp_path: Path) -> Path:
    return copied_site(scanned, tmp_path)


def shown(site: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    run(site, "preview", "--json")
    return str(json.loads(capsys.readouterr().out)["liver"]["shown_hash"])


def ledger(site: Path) -> list[dict[str, object]]:
    lines = (site.parent / "state" / "studies" / "liver" / "domain" / "ledger.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def approvals(site: Path) -> list[dict[str, object]]:
    return [line["approval"] for line in ledger(site) if line["act"] == "approval"]  # type: ignore[misc]


def test_the_signature_is_bound_to_what_was_shown(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = shown(site, capsys)

    assert run(site, "approve", "--key", str(site.parent / "officer.pem"), "--shown", seen, "--yes") == 0
    assert [approval["shown"] for approval in approvals(site)] == [seen]


def test_what_changed_after_it_was_read_is_not_signed(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = shown(site, capsys)
    for number in range(100, 120):
        write_patient(site.parent / "dicom", number)
    run(site, "scan", "--quiet")

    assert run(site, "approve", "--key", str(site.parent / "officer.pem"), "--shown", seen, "--yes") == 2
    assert "it has changed since" in capsys.readouterr().err
    assert approvals(site) == []


def test_a_key_that_never_comes_here_signs_on_another_computer(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen, request = shown(site, capsys), site.parent / "request.json"
    assert run(site, "approve", "--request", str(request)) == 0
    assert (
        run(site.parent / "no-site.yaml", "approve", "--sign", str(request), "--key", str(site.parent / "officer.pem"), "--yes")
        == 0
    )
    assert run(site, "approve", "--accept", f"{request}.signed") == 0
    capsys.readouterr()

    assert [approval["shown"] for approval in approvals(site)] == [seen]
    assert run(site, "approve", "--accept", f"{request}.signed") == 0
    assert "already" in capsys.readouterr().out
    assert run(site, "approve", "--key", str(site.parent / "officer.pem"), "--yes") == 0
    assert "nothing waits" in capsys.readouterr().out


def test_a_request_that_somebody_changed_is_not_signed(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = site.parent / "request.json"
    run(site, "approve", "--request", str(request))
    request.write_text(request.read_text().replace('"preset": "tens"', '"preset": "coarse"'))

    assert run(site, "approve", "--sign", str(request), "--key", str(site.parent / "officer.pem"), "--yes") == 2
    assert "was changed after it was written" in capsys.readouterr().err


def test_a_strangers_signature_from_another_computer_is_refused(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = site.parent / "request.json"
    SigningKey.generate().save(site.parent / "stranger.pem")
    run(site, "approve", "--request", str(request))
    run(site, "approve", "--sign", str(request), "--key", str(site.parent / "stranger.pem"), "--yes")

    assert run(site, "approve", "--accept", f"{request}.signed") == 2
    assert "is of no approver of this study" in capsys.readouterr().err
    assert approvals(site) == []


def test_a_signature_whose_tables_were_changed_on_the_way_is_refused(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = site.parent / "request.json"
    run(site, "approve", "--request", str(request))
    run(site, "approve", "--sign", str(request), "--key", str(site.parent / "officer.pem"), "--yes")
    answer = Path(f"{request}.signed")
    content = json.loads(answer.read_text())
    content["approval"]["codes"].pop("sex")
    answer.write_text(json.dumps(content))

    assert run(site, "approve", "--accept", str(answer)) == 2
    assert "has been changed since" in capsys.readouterr().err


def test_an_answer_is_refused_once_what_would_leave_has_changed(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = site.parent / "request.json"
    run(site, "approve", "--request", str(request))
    run(site, "approve", "--sign", str(request), "--key", str(site.parent / "officer.pem"), "--yes")
    for number in range(100, 120):
        write_patient(site.parent / "dicom", number)
    run(site, "scan", "--quiet")

    assert run(site, "approve", "--accept", f"{request}.signed") == 2
    assert "make a new request" in capsys.readouterr().err
