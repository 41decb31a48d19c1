"""A site that may only be fetched from gets new versions of the study file by the same line, and takes them in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fetched_cast import CENTRE, Consortium
from studyscope_contract.keys import SigningKey
from studyscope_contract.signed_study import SignedStudy, SignedStudyProblem
from studyscope_exporter.delivery.brought_study import BroughtStudy


@pytest.fixture
def consortium(tmp_path: Path) -> Consortium:
    return Consortium(tmp_path)


def signed(consortium: Consortium, version: int, *words: str) -> None:
    consortium.centre.write_study(version=version)
    assert consortium.at_the_centre("study", "sign", "liver", *words) == 0


def in_force(consortium: Consortium) -> int:
    return int(yaml.safe_load((consortium.hospital.folder / "liver.yaml").read_text(encoding="utf-8"))["version"])


def test_a_new_version_is_brought_once_and_is_in_force_when_a_person_accepts_it(
    consortium: Consortium, capsys: pytest.CaptureFixture[str]
) -> None:
    hospital = consortium.hospital
    assert hospital.run("study", "diff", "liver") == 1
    assert "the centre has brought no file of study liver yet" in capsys.readouterr().out
    assert consortium.visited(), "nothing is signed: nothing is brought"
    signed(consortium, 2)
    signed(consortium, 3)
    capsys.readouterr()

    assert consortium.visited()
    assert "brought version 3 of the study file" in capsys.readouterr().out
    assert consortium.visited()
    assert "brought" not in capsys.readouterr().out

    hospital.run("check", "--offline")
    assert "the centre brought version 3 of the study file; see study diff liver" in " ".join(capsys.readouterr().out.split())
    assert hospital.run("study", "diff", "liver") == 0
    words = capsys.readouterr().out
    assert "here is version 1, offered is 3" in words
    assert f"signed by {CENTRE.public.fingerprint}" in words
    assert in_force(consortium) == 1
    assert hospital.run("study", "accept", "liver", "--yes") == 0
    assert in_force(consortium) == 3
    hospital.run("check", "--offline")
    assert "the centre brought" not in " ".join(capsys.readouterr().out.split())


def test_what_the_site_does_not_trust_is_not_kept_and_holds_no_report_back(
    consortium: Consortium, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    SigningKey.generate().save(tmp_path / "stranger.pem")
    signed(consortium, 2, "--key", str(tmp_path / "stranger.pem"))
    consortium.hospital.run("enrol", "liver")
    consortium.visited()
    consortium.at_the_centre("sites", "accept", "berlin", consortium.key.fingerprint)
    consortium.hospital.once()
    capsys.readouterr()

    assert not consortium.visited()

    said = capsys.readouterr().out
    assert "1 report taken, 0 refused" in said
    assert "version 2 of study liver is not signed by a key that this site trusts" in said
    assert consortium.hospital.run("study", "diff", "liver") == 1


def test_a_file_of_another_study_is_not_kept(tmp_path: Path) -> None:
    path = Consortium(tmp_path).centre.folder / "studies" / "liver.yaml"
    lung = BroughtStudy(tmp_path, "lung")

    with pytest.raises(SignedStudyProblem, match="the file of study liver, not of lung"):
        lung.put(SignedStudy.sign(path.read_bytes(), path, CENTRE).to_bytes(), (CENTRE.public,))
    assert lung.version() == 0
