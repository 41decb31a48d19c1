"""A site that never calls the centre has its key accepted: the request is fetched, or carried in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fetched_cast import Consortium
from studyscope_contract.keys import SigningKey


@pytest.fixture
def consortium(tmp_path: Path) -> Consortium:
    return Consortium(tmp_path)


def test_a_key_is_fetched_compared_accepted_and_its_reports_are_taken(
    consortium: Consortium, capsys: pytest.CaptureFixture[str]
) -> None:
    hospital, name = consortium.hospital, consortium.key.fingerprint
    assert hospital.run("check") == 1
    assert "has said nothing of our key" in " ".join(capsys.readouterr().out.split())

    assert hospital.run("enrol", "liver") == 0
    assert name.replace("-", "  ") in capsys.readouterr().out
    assert consortium.visited()
    assert f"key {name} is waiting: see sites" in capsys.readouterr().out
    assert consortium.at_the_centre("sites", "accept", "berlin", name) == 0
    capsys.readouterr()
    hospital.once()
    assert "study liver: 1 report for the centre to fetch" in capsys.readouterr().out
    assert consortium.visited()
    assert "1 report taken, 0 refused" in capsys.readouterr().out

    assert hospital.run("enrol", "liver") == 0
    assert f"key {name} is accepted" in capsys.readouterr().out
    hospital.run("check")
    assert f"our key {name} is accepted" in " ".join(capsys.readouterr().out.split())
    acts = [line["act"] for line in hospital.ledger() if str(line.get("act", "")).startswith("enrolment")]
    assert acts == ["enrolment_asked", "enrolment_answered", "enrolment_asked"]


def test_the_next_key_goes_the_same_way(consortium: Consortium, capsys: pytest.CaptureFixture[str]) -> None:
    consortium.hospital.run("enrol", "liver")
    consortium.visited()
    consortium.at_the_centre("sites", "accept", "berlin", consortium.key.fingerprint)
    assert consortium.hospital.run("key", "new") == 0
    following = SigningKey.load(consortium.hospital.folder / "keys" / "signing-next.pem").public.fingerprint
    assert consortium.hospital.run("key", "use") == 1, "nobody has accepted it"

    consortium.visited()
    assert consortium.at_the_centre("sites", "rotate", "berlin", following) == 0
    consortium.visited()
    capsys.readouterr()

    assert consortium.hospital.run("key", "use") == 0
    assert f"signs with key {following}" in capsys.readouterr().out


def test_a_door_gives_no_key_in_another_site_s_name(consortium: Consortium, capsys: pytest.CaptureFixture[str]) -> None:
    consortium.hospital.run("enrol", "liver")

    assert not consortium.visited(site="lyon"), "the request of the centre is about lyon, and this is berlin"

    assert not list((consortium.centre.folder / "requests").glob("*")), "nothing waits in anybody's name"
    assert "401" in capsys.readouterr().out


def test_a_request_is_carried_in_a_file(consortium: Consortium, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = consortium.key.fingerprint
    assert consortium.hospital.run("enrol", "liver", "--file", str(tmp_path / "ask.json")) == 0
    assert consortium.hospital.run("enrol", "liver", "--file", str(tmp_path / "ask.json")) == 1, "no file is written over"

    assert consortium.at_the_centre("sites", "import", str(tmp_path / "ask.json")) == 0
    assert f"key {name} is waiting" in capsys.readouterr().out
    assert consortium.at_the_centre("sites", "accept", "berlin", name) == 0
    assert consortium.at_the_centre("sites", "import", str(tmp_path / "ask.json")) == 0
    assert f"key {name} is accepted" in capsys.readouterr().out


def test_a_file_that_was_altered_or_is_something_else_is_not_taken(
    consortium: Consortium, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    consortium.hospital.run("enrol", "liver", "--file", str(tmp_path / "ask.json"))
    text = (tmp_path / "ask.json").read_text()
    cases = {
        text.replace('"berlin"', '"lyon"'): "not signed by the key",
        "{}": "is no request for a key",
        "": "is no request for a key",
    }
    for content, words in cases.items():
        (tmp_path / "ask.json").write_text(content)
        assert consortium.at_the_centre("sites", "import", str(tmp_path / "ask.json")) == 2
        assert words in capsys.readouterr().err
    assert consortium.at_the_centre("sites", "import", str(tmp_path / "none.json")) == 2
