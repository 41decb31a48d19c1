"""A request for approval that nobody answers in time is held: nothing leaves because time passes (privacy.md 5)."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
import yaml

from disclosure_cast import FACTS, OFFICER, POPULATION, SECOND_OFFICER, SEX, Hospital, opened, vectors
from page_cast import make_site, run
from studyscope_contract.grid import Grid
from studyscope_contract.policy import Policy
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.disclosure.decision import Decision
from studyscope_exporter.disclosure.ledger import chained
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

FOUR_EYES = Policy(approvals="four_eyes", approval_days=10)
FIRST = 10_000


def day(point: int) -> dt.date:
    return Grid().moment(point).date()


def full() -> Hospital:
    hospital = Hospital()
    hospital.admit(60)
    return hospital


def lines(folder: Path, act: str) -> list[dict[str, object]]:
    return [line for _, line in chained((folder / "ledger.jsonl").read_bytes()) if line["act"] == act]


def test_after_the_days_of_the_policy_a_request_is_held_and_the_ledger_says_so_once(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path, policy=FOUR_EYES, approve=False) as domain:
        for point in range(FIRST, FIRST + 10):
            domain.release(hospital.contributions(), FACTS, point)
        assert domain.status().timed_out == ()
        for point in range(FIRST + 10, FIRST + 15):
            assert vectors(domain.release(hospital.contributions(), FACTS, point)) == {}
        assert set(domain.status().timed_out) == set(domain.pending_approvals())
    (told,) = lines(tmp_path, "approval_timed_out")
    assert (told["grid_point"], told["after_days"]) == (FIRST + 10, 10)
    with opened(tmp_path, seed=5, policy=FOUR_EYES, approve=False) as domain:
        assert POPULATION in domain.status().timed_out


def test_a_first_signature_that_is_too_old_does_not_count_with_a_second(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path, policy=FOUR_EYES, approve=False) as domain:
        domain.release(hospital.contributions(), FACTS, FIRST)
        domain.approve([POPULATION, SEX], OFFICER, day(FIRST))
        domain.approve([POPULATION], SECOND_OFFICER, day(FIRST + 10))
        assert POPULATION not in domain.pending_approvals()
        domain.approve([SEX], SECOND_OFFICER, day(FIRST + 11))
        assert SEX in domain.pending_approvals()
        shown = vectors(domain.release(hospital.contributions(), FACTS, FIRST + 12))
        assert shown.keys() == {POPULATION}
        domain.approve([SEX], OFFICER, day(FIRST + 13))
        assert SEX not in domain.pending_approvals()


def test_what_was_approved_in_time_stays_so_whoever_signs_it_again(tmp_path: Path) -> None:
    with opened(tmp_path, policy=FOUR_EYES, approve=False) as domain:
        for officer in (OFFICER, SECOND_OFFICER):
            domain.approve([POPULATION], officer, day(FIRST))
        domain.approve([POPULATION], OFFICER, day(FIRST + 300))
        assert POPULATION not in domain.pending_approvals()


def test_who_signs_a_held_table_begins_anew(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path, policy=FOUR_EYES, approve=False) as domain:
        for point in (FIRST, FIRST + 20):
            domain.release(hospital.contributions(), FACTS, point)
        assert POPULATION in domain.status().timed_out
        domain.approve([POPULATION], OFFICER, day(FIRST + 20))
        domain.release(hospital.contributions(), FACTS, FIRST + 21)
        assert POPULATION not in domain.status().timed_out
        domain.approve([POPULATION], SECOND_OFFICER, day(FIRST + 22))
        assert POPULATION in vectors(domain.release(hospital.contributions(), FACTS, FIRST + 23))
        for point in range(FIRST + 24, FIRST + 60):
            domain.release(None, FACTS, point)
        assert POPULATION not in domain.status().timed_out
    assert len(lines(tmp_path, "approval_timed_out")) == 1


def test_a_study_that_is_paused_asks_for_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, policy=FOUR_EYES, approve=False) as domain:
        domain.decide(Decision.PAUSE, day(FIRST))
        for point in (FIRST, FIRST + 20):
            domain.release(full().contributions(), FACTS, point)
        assert domain.status().timed_out == ()


def test_status_and_preview_say_that_a_table_is_held(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_site(tmp_path)
    content = yaml.safe_load(path.read_text())
    content["studies"][0]["policy"] = {"approval_days": 1}
    path.write_text(yaml.safe_dump(content))
    assert run(path, "scan", "--quiet") == 0
    with Site(read_site_file(path), SystemClock()) as site:
        (study,) = site.studies
        point = site.grid_point(study)
        for one in (point - 2, point):
            study.domain.release(site.contributions(study), site.facts(study), one)
    capsys.readouterr()
    run(path, "status")
    said = capsys.readouterr().out
    assert "tables are held: their approvers did not sign in time; who signs now begins anew" in said
    assert "tables wait for an approver" not in said
    run(path, "status", "--json")
    status = json.loads(capsys.readouterr().out)["studies"][0]
    assert status["held_approvals"] == sorted(status["waiting_approvals"]) != []
