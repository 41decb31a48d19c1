"""Pause, resume, freeze and leave: what people decide about a whole study, and what then leaves the hospital."""

import datetime as dt
from pathlib import Path

import httpx
import pytest

from acts_cast import Ahead, centre_of
from acts_cast import Hospital as Site
from disclosure_cast import FACTS, POPULATION, Hospital, opened, patient_key, vectors
from studyscope_contract.report import Report
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.disclosure.decision import Decision
from studyscope_exporter.disclosure.errors import DomainProblem
from studyscope_exporter.disclosure.ledger import published
from studyscope_exporter.disclosure.store import LEDGER, STATE
from studyscope_exporter.page.overview import study_overview
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site as OpenSite

DAY = dt.date(2026, 6, 1)


def full(women: int = 40) -> Hospital:
    hospital = Hospital()
    hospital.admit(women, sex="F")
    hospital.admit(30, start=1000, sex="M")
    return hospital


def test_a_paused_study_repeats_its_numbers_and_says_so(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        domain.decide(Decision.PAUSE, DAY)
        hospital.admit(60, start=5000)
        paused = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 140)]
    assert {one.report.activity for one in paused} == {"paused"}
    assert {one.report.tables for one in paused} == {first.report.tables}
    assert [one.report.sequence for one in paused] == list(range(2, 41))


def test_after_resume_the_gate_and_the_delay_are_as_ever(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        domain.decide(Decision.PAUSE, DAY)
        hospital.admit(60, start=5000)
        domain.release(hospital.contributions(), FACTS, 101)
        domain.decide(Decision.RESUME, DAY)
        reports = [domain.release(hospital.contributions(), FACTS, point) for point in range(102, 117)]
    assert reports[0].report.activity == "active"
    assert vectors(reports[-1])[POPULATION] == {(): 130}


def test_what_had_been_frozen_before_a_pause_waits_through_it(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        hospital.admit(60, start=5000)
        domain.release(hospital.contributions(), FACTS, 101)
        domain.decide(Decision.PAUSE, DAY)
        during = [domain.release(hospital.contributions(), FACTS, point) for point in range(102, 150)]
        domain.decide(Decision.RESUME, DAY)
        after = domain.release(hospital.contributions(), FACTS, 150)
    assert vectors(during[-1])[POPULATION] == {(): 70}
    assert vectors(after)[POPULATION] == {(): 130}


def test_patients_can_withdraw_from_a_paused_or_frozen_study(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        domain.decide(Decision.PAUSE, DAY)
        assert domain.withdraw(patient_key(1))[0].new
        domain.decide(Decision.FREEZE, DAY)
        assert domain.withdraw(patient_key(2))[0].new
        state = domain._load().state
        assert state is not None
        assert len(state.roster) == 68


def test_a_frozen_study_never_moves_again(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        domain.decide(Decision.FREEZE, DAY, because="the counts were wrong")
        hospital.admit(600, start=5000)
        later = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 140)]
        with pytest.raises(DomainProblem, match="only recover opens it again"):
            domain.decide(Decision.RESUME, DAY)
    assert {(one.report.activity, one.report.tables) for one in later} == {("frozen", first.report.tables)}


def test_a_site_that_leaves_shows_nothing_and_keeps_nothing_of_anybody(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        domain.withdraw(patient_key(1))
        domain.decide(Decision.WITHDRAW, DAY)
        report = domain.release(hospital.contributions(), FACTS, 101).report
        assert (report.activity, report.tables, report.facts.tables, report.sequence) == ("withdrawn", (), {}, 2)
        state = domain._load().state
        assert state is not None
        assert (len(state.roster), state.snapshots(), state.history, state.withdrawn) == (0, [], (), frozenset())
        with pytest.raises(DomainProblem, match="left this study for good"):
            domain.decide(Decision.RESUME, DAY)
    with opened(tmp_path) as domain:
        assert domain.release(hospital.contributions(), FACTS, 102).report.activity == "withdrawn"


def test_a_site_whose_state_is_lost_can_leave_as_well(tmp_path: Path) -> None:
    hospital = full()
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    (tmp_path / STATE).unlink()
    with opened(tmp_path) as domain:
        assert vectors(domain.release(None, FACTS, 101))[POPULATION] == {(): 70}
        with pytest.raises(DomainProblem, match="this study is frozen here"):
            domain.decide(Decision.PAUSE, DAY)
        domain.decide(Decision.WITHDRAW, DAY)
        assert domain.status().activity == "withdrawn"
        report = domain.release(None, FACTS, 102).report
    assert (report.activity, report.tables, report.sequence) == ("withdrawn", (), 3)
    assert published((tmp_path / LEDGER).read_bytes()).withdrawn


def test_every_decision_is_a_line_of_the_ledger(tmp_path: Path) -> None:
    site = Site(tmp_path, patients=2)
    assert site.run("pause", "--yes", "--because", "the scanner is replaced") == 0
    assert site.run("resume", "--yes") == 0
    assert site.run("freeze", "--confirm", "liver") == 0
    assert site.run("withdraw-site", "--confirm", "liver") == 0

    lines = [line for line in site.ledger() if line["act"] == "decision"]
    assert [line["decision"] for line in lines] == ["pause", "resume", "freeze", "withdraw_site"]
    assert lines[0]["because"] == "the scanner is replaced"
    assert site.run("ledger") == 0


def test_what_cannot_be_undone_is_confirmed_with_the_studys_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(tmp_path, patients=2)

    assert site.run("freeze", "--confirm", "lver") == 1
    assert "nothing was done" in capsys.readouterr().out
    assert site.once().activity == "active"


def test_the_screen_says_what_a_person_decided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(tmp_path, patients=30)
    site.scanned_and_approved()
    site.once()
    site.run("pause", "--yes")
    capsys.readouterr()

    site.run("status")
    assert "paused by a person: no number moves; see resume" in capsys.readouterr().out
    site.run("preview")
    assert "PAUSED: by a person's act. No number moves." in capsys.readouterr().out


def test_a_report_of_a_site_that_left_holds_no_table(tmp_path: Path) -> None:
    with opened(tmp_path) as domain:
        report = domain.release(full().contributions(), FACTS, 100).report

    with pytest.raises(ValueError, match="shows no table"):
        Report.model_validate(report.model_dump(by_alias=True) | {"activity": "withdrawn"})


def at_the_centre(client: httpx.Client, clock: Ahead, site: Site, days: int) -> str:
    """The centre's /metrics after the report of a day."""
    clock.days = days
    site.once(days)
    return client.get("/metrics").text


def test_the_centre_shows_a_pause_keeps_the_numbers_and_drops_a_site_that_left(tmp_path: Path) -> None:
    site = Site(tmp_path, patients=30)
    with centre_of(site) as (client, clock):
        site.scanned_and_approved()
        active = at_the_centre(client, clock, site, 0)
        site.run("pause", "--yes")
        paused = at_the_centre(client, clock, site, 1)
        site.run("withdraw-site", "--confirm", "liver")
        left = at_the_centre(client, clock, site, 2)

    of_the_site = 'study_patients{study="liver",site="berlin"} 30'
    total = 'study_consortium_patients{study="liver",total="last_known"} 30'
    assert all(text in active for text in (of_the_site, total, 'state="fresh"} 1'))
    assert all(text in paused for text in (of_the_site, total, 'state="paused"} 1', 'state="fresh"} 0'))
    assert 'study_site_state{study="liver",site="berlin",state="withdrawn"} 1' in left
    assert 'study_sites_expected{study="liver"} 0' in left
    assert "study_patients{" not in left
    assert "study_consortium_patients" not in left


def test_a_clock_that_was_ahead_for_some_days_leaves_every_screen_readable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hospital = Site(tmp_path, patients=20)  # as many as the secret gate asks at most
    hospital.scanned_and_approved()
    hospital.once(days=3)
    capsys.readouterr()

    assert hospital.run("preview") == 0
    assert hospital.run("status") == 1
    assert "which is still to come: this machine's clock was ahead" in capsys.readouterr().out
    with OpenSite(read_site_file(hospital.file), SystemClock()) as opened_site:
        (study,) = opened_site.studies
        assert study_overview(opened_site, study).published == 20
