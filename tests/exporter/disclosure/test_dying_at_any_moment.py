"""A machine that dies: the old state or the new one, never a mixture, and no secret drawn twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from disclosure_cast import (
    DAY,
    FACTS,
    OFFICER,
    POPULATION,
    SIGNING_KEY,
    Died,
    Hospital,
    MemoryDisk,
    opened,
    patient_key,
    vectors,
)
from studyscope_contract.report import SignedReport
from studyscope_exporter.disclosure.decision import Decision
from studyscope_exporter.disclosure.domain import Domain
from studyscope_exporter.disclosure.errors import DomainProblem
from studyscope_exporter.disclosure.ledger import chained
from studyscope_exporter.disclosure.ledger_keys import verify_ledger


def grown(start: int) -> Hospital:
    hospital = Hospital()
    hospital.admit(start)
    return hospital


def released_before(folder: Path) -> tuple[MemoryDisk, bytes]:
    """A disk on which grid point 100 was released."""
    disk = MemoryDisk()
    with opened(folder, files=disk) as domain:
        report = domain.release(grown(50).contributions(), FACTS, 100).to_bytes()
    return disk.rebooted(), report


def steps_of_a_release(folder: Path) -> int:
    disk, _ = released_before(folder)
    with opened(folder, files=disk) as domain:
        before = disk.steps
        domain.release(grown(100).contributions(), FACTS, 115)
        return disk.steps - before


@pytest.mark.parametrize("torn", [0, 1, 3, 4])
@pytest.mark.parametrize("renamed", [False, True])
def test_after_death_at_any_step_the_domain_is_as_before_or_as_after(tmp_path: Path, torn: int, renamed: bool) -> None:
    hospital = grown(100)
    outcomes = set()
    steps = steps_of_a_release(tmp_path / "counting")
    assert steps >= 6
    for fuse in range(steps + 1):
        folder = tmp_path / str(fuse)
        disk, old = released_before(folder)
        disk.fuse, disk.torn, disk.renamed = fuse, torn, renamed
        new: bytes | None = None
        with opened(folder, files=disk) as domain, suppress(Died):
            new = domain.release(hospital.contributions(), FACTS, 115).to_bytes()
        survivor = disk.rebooted()
        with opened(folder, seed=99, files=survivor) as domain:
            status = domain.status()
            assert status.activity == "active"
            assert status.last_grid_point in (100, 115)
            outcomes.add(status.last_grid_point)
            point = status.last_grid_point
            again = domain.release(hospital.contributions(), FACTS, point).to_bytes()
            assert again == (old if point == 100 else new or again)
            later = domain.release(hospital.contributions(), FACTS, 130).report
            assert later.sequence == (2 if point == 100 else 3)
        ledger = survivor.live["ledger.jsonl"]
        assert [line["sequence"] for _, line in chained(ledger) if line["act"] == "release"] == list(range(1, later.sequence + 1))
        (tmp_path / "ledger").write_bytes(ledger)
        assert verify_ledger(tmp_path / "ledger", SIGNING_KEY.public) == []
    assert outcomes == {100, 115}


def test_a_release_that_died_after_its_moment_is_the_same_under_any_other_dice(tmp_path: Path) -> None:
    disk, _ = released_before(tmp_path)
    disk.fuse = 4  # the sealed state has its name, the ledger has no line yet
    with opened(tmp_path, files=disk) as domain, pytest.raises(Died):
        domain.release(grown(100).contributions(), FACTS, 101)
    reports = set()
    for seed in range(5):
        with opened(tmp_path, seed=seed, files=disk.rebooted()) as domain:
            reports.add(domain.release(grown(100).contributions(), FACTS, 101).to_bytes())
            reports.add(domain.release(grown(100).contributions(), FACTS, 101).to_bytes())
    assert len(reports) == 1


def test_a_failing_disk_leaves_the_open_domain_with_what_is_on_disk(tmp_path: Path) -> None:
    disk, old = released_before(tmp_path)
    with opened(tmp_path, files=disk) as domain:
        disk.fuse = disk.steps + 1
        with pytest.raises(Died):
            domain.release(grown(100).contributions(), FACTS, 115)
        disk.fuse = None
        assert domain.release(None, FACTS, 100).to_bytes() == old
        assert domain.release(grown(100).contributions(), FACTS, 115).report.sequence == 2


@pytest.mark.parametrize("loss", ["missing", "damaged", "older"])
def test_a_domain_that_lost_its_state_is_frozen_with_the_tables_it_showed(tmp_path: Path, loss: str) -> None:
    hospital = grown(50)
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        shutil.copy(tmp_path / "state.bin", tmp_path / "old")
        hospital.admit(60, start=5000)
        for point in range(101, 121):
            last = domain.release(hospital.contributions(), FACTS, point)
    if loss == "missing":
        (tmp_path / "state.bin").unlink()
    elif loss == "older":
        shutil.copy(tmp_path / "old", tmp_path / "state.bin")
    else:
        raw = (tmp_path / "state.bin").read_bytes()
        (tmp_path / "state.bin").write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    assert vectors(last)[POPULATION] == {(): 110}
    sequences = []
    for point in (121, 122, 140):
        with opened(tmp_path, seed=7) as domain:
            assert domain.status().frozen
            report = domain.release(grown(500).contributions(), FACTS, point)
            assert domain.release(grown(700).contributions(), FACTS, point).to_bytes() == report.to_bytes()
            with pytest.raises(DomainProblem, match="frozen"):
                domain.withdraw(patient_key(1))
        assert report.report.activity == "frozen"
        assert report.report.tables == last.report.tables
        sequences.append(report.report.sequence)
    assert sequences == [22, 23, 24]
    assert verify_ledger(tmp_path / "ledger.jsonl", SIGNING_KEY.public) == []


def test_a_frozen_release_that_died_gives_the_same_bytes(tmp_path: Path) -> None:
    for fuse in range(8):
        disk, _ = released_before(tmp_path)
        del disk.live["state.bin"]
        disk.safe.pop("state.bin", None)
        disk.fuse, disk.torn = fuse, 2
        first: bytes | None = None
        with opened(tmp_path, files=disk) as domain, suppress(Died):
            first = domain.release(None, FACTS, 101).to_bytes()
        survivor = disk.rebooted()
        with opened(tmp_path, files=survivor) as domain:
            again = domain.release(None, FACTS, 101)
            assert first in (None, again.to_bytes())
            assert again.report.sequence == 2
            assert domain.release(None, FACTS, 102).report.sequence == 3


WRITER = """
import sys
from pathlib import Path
from disclosure_cast import FACTS, Hospital, opened
import disclosure_cast
from studyscope_contract.keys import SigningKey

key = SigningKey.load(Path(sys.argv[2]))
hospital = Hospital()
with opened(Path(sys.argv[1]), signing_key=key, approve=False) as domain:
    print("ready", flush=True)
    for point in range((domain.status().last_grid_point or 99) + 1, 100_000):
        hospital.admit(3, start=3 * point)
        domain.release(hospital.contributions(), FACTS, point)
"""


def test_a_process_killed_in_the_middle_leaves_a_whole_folder(tmp_path: Path) -> None:
    SIGNING_KEY.save(tmp_path / "key")
    with opened(tmp_path / "domain"):
        pass
    for pause in (0.02, 0.07, 0.15):
        arguments = [sys.executable, "-c", WRITER, str(tmp_path / "domain"), str(tmp_path / "key")]
        paths = os.pathsep.join(path for path in sys.path if path)
        with subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
        with opened(tmp_path / "domain") as domain:
            status = domain.status()
            assert status.activity == "active"
            if status.last_grid_point is not None:
                report = SignedReport.from_bytes(domain.release(None, FACTS, status.last_grid_point).to_bytes())
                assert report.report.sequence == status.sequence
        assert verify_ledger(tmp_path / "domain" / "ledger.jsonl", SIGNING_KEY.public) == []


ACTS: dict[str, Callable[[Domain], object]] = {
    "an approval": lambda domain: domain.approve([POPULATION], OFFICER, DAY),
    "a signature under the policy": lambda domain: domain.sign_policy(OFFICER, DAY),
    "a withdrawal": lambda domain: domain.withdraw(patient_key(3), day=DAY),
    "a pause": lambda domain: domain.decide(Decision.PAUSE, DAY),
}


@pytest.mark.parametrize("torn", [0, 3])
@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize("act", ACTS)
def test_a_person_s_act_that_a_crash_cut_short_is_in_the_ledger_whole_or_not_at_all(
    tmp_path: Path, act: str, torn: int, renamed: bool
) -> None:
    lines = set()
    for fuse in range(8):
        disk = MemoryDisk()
        with opened(tmp_path, files=disk, approve=act == "a withdrawal") as domain:
            domain.release(grown(50).contributions(), FACTS, 100)
            before = disk.live["ledger.jsonl"]
            disk.steps, disk.fuse, disk.torn, disk.renamed = 0, fuse, torn, renamed
            with suppress(Died):
                ACTS[act](domain)
        survivor = disk.rebooted()
        with opened(tmp_path, files=survivor, approve=False) as domain:
            assert domain.status().frozen is None
            domain.release(grown(50).contributions(), FACTS, 100)
        found = [line["act"] for _, line in chained(survivor.live["ledger.jsonl"])][before.count(b"\n") :]
        lines.add(tuple(found))
        (tmp_path / "ledger").write_bytes(survivor.live["ledger.jsonl"])
        assert verify_ledger(tmp_path / "ledger", SIGNING_KEY.public) == []
    assert len(lines) == 2, "as before, or with all of its lines"
    assert () in lines
