"""What commands do where nobody types, where nobody reads on, and where they are run as somebody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from studyscope_contract.keys import SigningKey
from studyscope_exporter.cli import main

PROGRAM = [sys.executable, "-W", "ignore", "-m", "studyscope_exporter.cli"]


def test_a_passphrase_that_nobody_can_type_is_told_in_a_sentence_and_makes_no_key(tmp_path: Path) -> None:
    command = [*PROGRAM, "keygen", "--approver", str(tmp_path / "dpo.pem")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, start_new_session=True)

    assert done.returncode == 2
    assert "run this in one (ssh -t, docker exec -it)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "dpo.pem").exists()


def test_output_that_nobody_reads_to_its_end_is_no_failure() -> None:
    """As with `| head`: the reader is gone before the program writes."""
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait(20)
    assert reader.stdin is not None
    done = subprocess.run(
        [*PROGRAM, "keygen", "--no-passphrase", "--approver", "/dev/null"],
        stdout=reader.stdin,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    reader.stdin.close()

    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_this_user_may_not_write_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """/sys takes no folder from anybody, root included."""
    (tmp_path / "liver.yaml").write_text(
        "schema: 1\nid: liver\ntitle: Liver\nversion: 1\nleads: [{name: L, mail: l@study.example}]\n"
        "sites: [{id: berlin, name: B, city: B, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}]\n"
    )
    (tmp_path / "site.yaml").write_text(
        "site: berlin\nstate: /sys/studyscope\nkeys: keys\nstudies:\n  - {study_file: liver.yaml,"
        " centre: {url: 'http://127.0.0.1:9'},"
        f" approvers: [{{name: D, key: '{SigningKey.generate().public.text}'}}]}}\n"
    )

    assert main(["--config", str(tmp_path / "site.yaml"), "status"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("/sys/studyscope: ")
    assert "run this as the service's user (runuser -u studyscope" in said
