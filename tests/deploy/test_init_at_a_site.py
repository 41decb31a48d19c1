"""`studyscope-exporter init`: from nothing to a site file that the exporter itself reads, by flags and by questions."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aggregator_cast import a_study
from studyscope_contract.keys import SigningKey
from studyscope_exporter.cli import main
from studyscope_exporter.settings import read_site_file

SPOILS = 'Café "Ost": #1'


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "liver.yaml"
    path.write_text(yaml.safe_dump(a_study()))
    return path


def init(study_file: Path, *more: str) -> int:
    """With the answers that every site has to give."""
    key = SigningKey.generate().public.text
    answers = [
        "--study-file",
        str(study_file),
        "--site",
        "berlin",
        "--centre",
        "https://centre.example",
        "--approver",
        f"DPO={key}",
    ]
    return main(["--config", str(study_file.parent / "site.yaml"), "init", *answers, *more])


def test_what_is_written_is_what_the_exporter_reads(study_file: Path) -> None:
    here = study_file.parent
    assert init(study_file, "--dicom", "dicom", "--dicom", "/archive/two", "--label-maps", "/maps", "--job-log", "/jobs.jsonl",
                "--issuer", SPOILS, "--preset", "coarse", "--ca-file", "/ca.pem", "--proxy", "http://proxy:3128", "--metrics-port", "9411") == 0  # fmt: skip

    settings = read_site_file(here / "site.yaml")
    assert [(s.name, s.kind, s.path) for s in settings.sources] == [
        ("archive", "folder", here / "dicom"),
        ("archive-2", "folder", Path("/archive/two")),
        ("results", "nifti", Path("/maps")),
        ("jobs", "jobs", Path("/jobs.jsonl")),
    ]
    (study,) = settings.studies
    assert (settings.default_issuer, settings.local_metrics and settings.local_metrics.port) == (SPOILS, 9411)
    assert (study.study_file, study.policy.preset) == (study_file, "coarse")
    assert (study.centre.ca_file, study.centre.proxy) == (Path("/ca.pem"), "http://proxy:3128")


BASIS = "Protocol 4.2, section 7.3, approved by the ethics committee of Berlin"


def test_exact_numbers_are_drafted_where_a_protocol_obliges_to_them(study_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(study_file, "--report-exactly", BASIS) == 0

    (study,) = read_site_file(study_file.parent / "site.yaml").studies
    assert (study.policy.preset, study.policy.reported) == ("tens-open", ("reached", "stage"))
    assert study.policy.disclosure is not None
    assert study.policy.disclosure.legal_basis == BASIS
    assert "Exact numbers leave only with two signatures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answers", "why"),
    [(("--report-exactly", "yes"), "name the protocol"), (("--report-exactly", BASIS, "--preset", "fives"), "here 5 < 8")],
)
def test_exact_numbers_without_a_reason_or_beside_narrow_bins_are_not_drafted(
    study_file: Path, capsys: pytest.CaptureFixture[str], answers: tuple[str, ...], why: str
) -> None:
    assert init(study_file, *answers) == 2
    assert why in capsys.readouterr().err
    assert not (study_file.parent / "site.yaml").exists()


def test_an_archive_and_an_airflow_are_asked_at_their_addresses(study_file: Path) -> None:
    assert init(study_file, "--dicomweb", "https://pacs.example/rs", "--airflow", "https://airflow.example/flow") == 0

    sources = read_site_file(study_file.parent / "site.yaml").sources
    assert [(source.name, source.kind, source.url) for source in sources] == [
        ("pacs", "dicomweb", "https://pacs.example/rs"),
        ("airflow", "airflow", "https://airflow.example/flow"),
    ]


def test_keys_and_folders_are_there_and_nobody_else_can_look_into_them(study_file: Path) -> None:
    init(study_file)

    here = study_file.parent
    assert [(here / name).stat().st_mode & 0o777 for name in ("state", "keys", "site.yaml")] == [0o700, 0o700, 0o640]
    assert {path.name for path in (here / "keys").iterdir()} == {"signing.pem", "site.secret"}


def test_a_commented_line_becomes_valid_when_its_sign_is_taken_away(study_file: Path) -> None:
    init(study_file)
    path = study_file.parent / "site.yaml"
    commented = r"(?m)^( *)# ((?:default_issuer|local_metrics|scan_hours_before|ca_file|keys|proxy|refuse): )"

    text, found = re.subn(commented, r"\1\2", path.read_text())
    path.write_text(text)

    assert found == 7
    assert read_site_file(path).default_issuer == "HOSPITAL-BERLIN"


def test_the_next_steps_name_the_key_and_the_one_way_out(study_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(study_file)
    said = capsys.readouterr().out

    key = SigningKey.load(study_file.parent / "keys" / "signing.pem").public
    assert key.text in said
    assert key.fingerprint in said
    assert "outbound TCP from this machine to centre.example, port 443; nothing inbound" in said


def test_a_site_file_is_never_overwritten(study_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = study_file.parent / "site.yaml"
    path.write_text("mine")

    assert init(study_file) == 1
    assert path.read_text() == "mine"
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--centre", "http://centre.example"], "studies.0.centre.url: must be an https:// address"),
        (["--site", "paris"], "names no site 'paris'; it names: berlin, lyon, oslo"),
        (["--approver", "DPO=abc"], "a public key must be 'ed25519:'"),
        (["--proxy", "proxy:3128"], "studies.0.centre.proxy: must be http://HOST:PORT"),
        (["--keys", "state/keys"], "keys must lie outside the state folder"),
        (["--link", "{Nobody}"], "link"),
        (["--metrics-port", "80"], "local_metrics.port"),
    ],
)
def test_a_wrong_answer_is_told_and_nothing_is_written(
    study_file: Path, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(study_file, "--label-maps", "/maps", *flags) == 2

    assert said in capsys.readouterr().err
    assert sorted(path.name for path in study_file.parent.iterdir()) == ["liver.yaml"]


def test_without_a_terminal_a_missing_answer_is_named(study_file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "studyscope_exporter.cli", "init", "--study-file", str(study_file), "--site", "berlin"],
        cwd=study_file.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr.strip()) == (
        2,
        "give --centre, or run init on a terminal to be asked; nothing was written",
    )


def test_on_a_terminal_it_asks_and_makes_the_approvers_key(study_file: Path) -> None:
    here = study_file.parent
    (here / "dicom").mkdir(exist_ok=True)
    answers = [
        ("Study file", "nowhere.yaml"), ("There is no file nowhere.yaml. Study file", "liver.yaml"), ("Which site", "paris"),
        ("paris is none of its sites. Which site", "berlin"), ("DICOM files", "nowhere"),
        ("There is no folder nowhere. Folder", "dicom"), ("label maps", ""), ("Log of inference", ""),
        ("Address of the centre", "http://c.example"), ("no https:// address", "https://c.example"),
        ("Who signs", ""), ("Public key of Data protection", "nonsense"), ("Public key", ""),
        ("new passphrase", "long enough"), ("Again", "long enough"), ("Issuer of Patient ID", ""),
        ("EXACT numbers", "yes"), ("20 letters or more", ""),
    ]  # fmt: skip
    code, said = conversation([sys.executable, "-m", "studyscope_exporter.cli", "init"], here, answers)

    assert code == 0, said
    settings = read_site_file(here / "site.yaml")
    assert [source.path for source in settings.sources] == [here / "dicom"]
    (approver,) = settings.studies[0].approvers
    assert approver.name == "Data protection"
    assert SigningKey.load(here / "approver.pem", "long enough").public.text == approver.key


def conversation(command: list[str], folder: Path, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Runs `command` on a terminal of its own and types each answer once its question is there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        said, seen = "", 0
        for question, answer in answers:
            while question not in said[seen:]:
                said += os.read(ours, 4096).decode()
            seen = len(said)
            os.write(ours, answer.encode() + b"\n")
        try:
            while chunk := os.read(ours, 4096):
                said += chunk.decode()
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    return process.returncode, said
