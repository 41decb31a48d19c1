"""What commands do where nobody types and where nobody reads on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
