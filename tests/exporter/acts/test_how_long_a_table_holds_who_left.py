"""`max_hold`: what becomes of a table that holds people who left while too few others come."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from acts_cast import Hospital as Site
from disclosure_cast import (
    DAY,
    FACTS,
    OFFICER,
    POPULATION,
    SECOND_OFFICER,
    SEX,
    STATE,
    VOLUME,
    Hospital,
    opened,
    patient_key,
    vectors,
)
from studyscope_contract.policy import Deletions, Policy

RETIRE = Policy(deletions=Deletions(max_hold_days=60, action="retire"))


def full() -> Hospital:
    hospital = Hospital()
    hospital.admit(20, sex="F", stage=1, volume="400.0")
    hospital.admit(20, start=20, sex="F", stage=1, volume="1600.0")
    hospital.admit(30, start=1000, sex="M", stage=0)
    return hospital


def lived(folder: Path, hospital: Hospital, days: range, policy: Policy) -> list[Any]:
    with opened(folder, policy=policy) as domain:
        return [domain.release(hospital.contributions(), FACTS, day) for day in days]


def test_carried_tables_stay_whoever_left(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        domain.withdraw(patient_key(1))
    later = lived(tmp_path, hospital, range(101, 500), Policy())
    assert {one.report.tables for one in later} == {first.report.tables}


def test_a_table_retires_after_max_hold_and_never_comes_back(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path, policy=RETIRE) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        domain.withdraw(patient_key(1))
    held = lived(tmp_path, hospital, range(101, 161), RETIRE)
    gone = lived(tmp_path, hospital, range(161, 162), RETIRE)
    hospital.admit(200, start=5000)
    later = lived(tmp_path, hospital, range(162, 240), RETIRE)

    assert {one.report.tables for one in held} == {first.report.tables}
    assert gone[0].report.tables == ()
    assert gone[0].report.facts.tables["population"] == "refused"
    assert {one.report.tables for one in later} == {()}


def test_a_table_that_holds_nobody_who_left_does_not_retire(tmp_path: Path) -> None:
    """The withdrawn patient was never segmented: the tables of the segmented have nothing to hold."""
    hospital = full()
    with opened(tmp_path, policy=RETIRE) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        domain.withdraw(patient_key(1001))
    last = lived(tmp_path, hospital, range(101, 200), RETIRE)[-1]

    assert set(vectors(last)) == {VOLUME}


def test_a_batch_in_time_lets_them_go(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path, policy=RETIRE) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        for number in range(20):
            domain.withdraw(patient_key(number))
    last = lived(tmp_path, hospital, range(101, 300), RETIRE)[-1]

    assert vectors(last)[POPULATION] == {(): 50}
    assert vectors(last)[SEX] == {("F",): 20, ("M",): 30}


def test_who_comes_back_in_time_was_never_gone(tmp_path: Path) -> None:
    """A share that is not mounted for a month is no withdrawal."""
    hospital = full()
    away = Hospital(dict(list(hospital.people.items())[3:]))
    lived(tmp_path, hospital, range(100, 101), RETIRE)
    lived(tmp_path, away, range(101, 150), RETIRE)
    last = lived(tmp_path, hospital, range(150, 300), RETIRE)[-1]

    assert vectors(last)[POPULATION] == {(): 70}


def test_the_policy_is_the_same_as_before_unless_it_says_retire() -> None:
    assert Policy(deletions=Deletions()).hash == Policy().hash
    assert RETIRE.hash != Policy().hash
    assert RETIRE.rules_hash == Policy().rules_hash, "approvals stay valid"


def test_the_command_says_until_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(tmp_path, patients=30, policy="{deletions: {max_hold_days: 60, action: retire}}")
    site.scanned_and_approved()
    site.once()
    capsys.readouterr()

    site.run("withdraw", "CANARY-2", "--yes")
    assert "at the latest: then the policy hides for good what has not moved (retire)" in capsys.readouterr().out


@pytest.mark.parametrize("lost", ["state", "everything"])
def test_a_retired_table_does_not_open_again_after_a_recovery(tmp_path: Path, lost: str) -> None:
    hospital, folder = full(), tmp_path / "domain"
    reports = lived(folder, hospital, range(100, 101), RETIRE)
    with opened(folder, policy=RETIRE) as domain:
        domain.withdraw(patient_key(1001))
    reports += lived(folder, hospital, range(101, 170), RETIRE)
    assert set(vectors(reports[-1])) == {VOLUME}
    if lost == "state":
        (folder / "state.bin").unlink()
        reports = reports[:1]  # from the ledger alone
    else:
        shutil.rmtree(folder)
    with opened(folder, approve=False, policy=RETIRE) as domain:
        domain.recover([one.report for one in reports], reports[-1].report.sequence, (OFFICER, SECOND_OFFICER), DAY)
    hospital.admit(400, start=20_000, stage=1)
    later = lived(folder, hospital, range(170, 230), RETIRE)

    assert {key for one in later for key in vectors(one)} <= {VOLUME, STATE}
    assert later[-1].report.facts.tables["population"] == "refused"
    assert vectors(later[-1])[VOLUME] != vectors(reports[0])[VOLUME], "what did not retire opens again"
