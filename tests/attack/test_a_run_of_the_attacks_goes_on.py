"""The full attack takes days on two cores: it may be killed at any moment and loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attacking.record import Record
from attacking.verdicts import chance_of, lives, surely_over, verdict

TESTS = Path(__file__).parent.parent


def started(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "attacking", "--only", "added", "--histories", "40", "--workers", "1"]
    places = ["--results", str(folder / "histories.jsonl"), "--page", str(folder / "page.md")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [*command, *places, *more], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def test_a_run_that_is_killed_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    lines = tmp_path / "histories.jsonl"
    with started(tmp_path) as killed:
        while not lines.exists() or len(lines.read_bytes().splitlines()) < 3:
            assert killed.poll() is None
            time.sleep(0.01)
        killed.kill()  # of its worker nobody says anything: it holds the other end of the output until it is gone too
        killed.communicate(timeout=60)
    before = lines.read_bytes()
    whole = before[: before.rfind(b"\n") + 1]
    lines.write_bytes(whole + b'{"row":"added","seed":1')  # as a power cut leaves it

    with started(tmp_path) as again:
        said = again.communicate(timeout=100)[0]
    assert again.returncode == 0
    assert lines.read_bytes().startswith(whole)
    seeds = [json.loads(line)["seed"] for line in lines.read_bytes().splitlines()]
    assert sorted(seeds) == list(range(1000, 1040))
    assert said.count("histories to go") == 40 - len(whole.splitlines())
    assert "0 histories to go, about 0:00:00" in said
    page = (tmp_path / "page.md").read_text()
    assert "| control: exact numbers added up | 40 |" in page
    assert "lives |" in page


def test_histories_of_other_code_are_kept_and_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "histories.jsonl"
    Record(path, "old").append("row", 1, 2.0, {"small": 7})
    new = Record(path, "new")
    new.append("row", 1, 2.0, {"small": 5})
    new.append("row", 1, 2.0, {"small": 5})  # the same history twice is one
    new.append("row", 2, 4.0, {"small": 6, "shown": 1})

    sums, other = new.read()
    assert other == 1
    assert (sums["row"].histories, sums["row"].seconds, sums["row"].numbers) == (2, 6.0, {"small": 11, "shown": 1})


def test_a_rate_over_its_limit_fails_only_where_chance_does_not_explain_it() -> None:
    assert chance_of(2, 60, 0.02) == pytest.approx(0.3381, abs=1e-4)
    assert not surely_over(2, 60, 0.02)
    assert surely_over(30, 600, 0.02)
    assert not surely_over(400, 20_000, 0.02)
    assert surely_over(1, 20_000, 0)
    assert verdict(False, True, 300, 200) == "over the limit, may be chance"
    assert (verdict(False, False, 300, 200), verdict(False, False, 3, 200)) == ("pass", "nothing found so far")
    assert (lives(20, 100, 0.2), lives(19, 100, 0.2), lives(0, 0, 0.2)) == ("lives", "DEAD", "DEAD")
