"""Who signed a definition signed one step: coming back to it after numbers were shown under another is a step of its own."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from disclosure_cast import DAY, FACTS, OFFICER, POPULATION, SECOND_OFFICER, Hospital, opened, study, vectors
from studyscope_contract.policy import Policy
from studyscope_contract.report import SignedReport
from studyscope_exporter.disclosure.store import STATE as STATE_FILE

NARROW, BACK = study(), study(version=3)
WIDE = study(version=2, cohort={"modalities": ["CT", "MR"]})
ALL_SEEN = study(version=4, cohort={"modalities": ["CT", "MR", "PT"]})


class Walk:
    """A hospital that admits sixty people before each of its releases, and keeps count of the grid points."""

    def __init__(self, folder: Path, **policy: Any) -> None:
        self.folder, self.hospital, self.point, self.day = folder, Hospital(), 100, DAY
        self.policy = Policy(**{"approvals": "one"} | policy)

    def shown(self, of: Any, *, by: tuple[Any, ...] = (), people: int = 60, days: int = 30) -> SignedReport:
        """The report after these people signed everything that waits, `people` came and thirty days passed."""
        with self.opened(of) as domain:
            waiting = domain.pending_approvals()
            for officer in by:
                domain.approve(waiting, officer, self.day)
            domain.release(self.hospital.contributions(), FACTS, self.point)
            if people:
                self.hospital.admit(people, start=1000 * self.point)
                domain.release(self.hospital.contributions(), FACTS, self.point + 1)
            report = domain.release(self.hospital.contributions(), FACTS, self.point + days)
        self.point += days + 1
        return report

    def opened(self, of: Any) -> Any:
        return opened(self.folder, study=of, policy=self.policy, approve=False)


@pytest.fixture
def went_wide(tmp_path: Path) -> Walk:
    """Shown as the narrow cohort, then, signed by two, as the wide one."""
    walk = Walk(tmp_path)
    assert vectors(walk.shown(NARROW, by=(OFFICER, SECOND_OFFICER)))[POPULATION] == {(): 60}
    assert vectors(walk.shown(WIDE, by=(OFFICER, SECOND_OFFICER)))[POPULATION] == {(): 120}
    return walk


def test_the_signatures_of_the_first_time_do_not_let_it_out_again(went_wide: Walk) -> None:
    assert vectors(went_wide.shown(BACK)) == {}
    with went_wide.opened(BACK) as domain:
        assert POPULATION in domain.pending_approvals()


def test_one_person_who_signs_it_again_is_not_two(went_wide: Walk) -> None:
    assert vectors(went_wide.shown(BACK, by=(OFFICER,))) == {}
    assert vectors(went_wide.shown(BACK, by=(OFFICER,))) == {}


def test_two_who_sign_it_again_on_the_very_same_day_let_it_out(went_wide: Walk) -> None:
    report = went_wide.shown(BACK, by=(OFFICER, SECOND_OFFICER))
    assert vectors(report)[POPULATION] == {(): 180}
    with went_wide.opened(BACK) as domain:
        assert domain.pending_approvals() == ()


def test_a_signature_that_is_given_twice_after_the_return_is_kept_once(went_wide: Walk) -> None:
    with went_wide.opened(BACK) as domain:
        waiting = domain.pending_approvals()
        before = len(domain.approvals())
        for _ in range(3):
            domain.approve(waiting, OFFICER, DAY)
        assert len(domain.approvals()) == before + 1


def test_it_does_not_let_it_out_under_auto_either(tmp_path: Path) -> None:
    walk = Walk(tmp_path, approvals="auto")
    walk.shown(NARROW, by=(OFFICER, SECOND_OFFICER))
    walk.shown(WIDE, by=(OFFICER, SECOND_OFFICER))
    assert vectors(walk.shown(BACK)) == {}


def test_every_later_return_needs_two_signatures_of_its_own(went_wide: Walk) -> None:
    for of in (BACK, WIDE, BACK, WIDE):
        assert vectors(went_wide.shown(of)) == {}
        assert POPULATION in vectors(went_wide.shown(of, by=(OFFICER, SECOND_OFFICER)))


def test_what_was_signed_but_never_shown_does_not_make_the_old_numbers_wait(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    first = walk.shown(NARROW, by=(OFFICER, SECOND_OFFICER))
    assert vectors(walk.shown(WIDE, by=(OFFICER, SECOND_OFFICER), people=0)) == {}
    assert walk.shown(BACK, people=0).report.tables == first.report.tables


def test_a_change_that_was_signed_and_taken_back_is_signed_anew_when_it_comes_again(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    walk.shown(NARROW, by=(OFFICER, SECOND_OFFICER))
    assert vectors(walk.shown(WIDE, by=(OFFICER, SECOND_OFFICER), people=0)) == {}
    assert vectors(walk.shown(BACK))[POPULATION] == {(): 120}
    assert vectors(walk.shown(WIDE)) == {}
    with walk.opened(WIDE) as domain:
        assert POPULATION in domain.pending_approvals()


def test_a_way_over_a_third_definition_is_no_way_around(went_wide: Walk) -> None:
    went_wide.shown(ALL_SEEN, by=(OFFICER, SECOND_OFFICER))
    for of in (BACK, WIDE):
        assert vectors(went_wide.shown(of)) == {}


def test_the_ledger_names_those_who_let_it_out_this_time(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    walk.shown(NARROW, by=(OFFICER,))
    walk.shown(WIDE, by=(OFFICER, SECOND_OFFICER))
    walk.day = DAY + dt.timedelta(days=400)
    walk.shown(BACK, by=(SECOND_OFFICER, OFFICER))
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_bytes().splitlines()]
    both = sorted(key.public.fingerprint for key in (OFFICER, SECOND_OFFICER))
    released = [table for line in lines if line["act"] == "release" for table in line.get("tables", ())]
    who = [table["approved_by"] for table in released if table["table"] == "population" and table["cells"]]
    assert who == [[OFFICER.public.fingerprint], both, both]


def test_a_recovery_in_between_does_not_show_the_other_cohorts_numbers_as_this_ones(went_wide: Walk) -> None:
    with went_wide.opened(BACK) as domain:
        last = domain.status().sequence
    (went_wide.folder / STATE_FILE).unlink()
    with went_wide.opened(BACK) as domain:
        domain.recover([], last, (OFFICER, SECOND_OFFICER), DAY)
        report = domain.release(went_wide.hospital.contributions(), FACTS, went_wide.point)
    assert vectors(report) == {}
