"""States are measured in the site's own grid and come from its reports and the study's thresholds."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from aggregator_cast import NOW, TODAY, a_report, a_study
from studyscope_aggregator.registered_sites import RegisteredSite
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.state import Member, TakenBack, member, planned_patients
from studyscope_contract.grid import Grid
from studyscope_contract.keys import SigningKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import PolicyStatement
from studyscope_contract.study import Study
from studyscope_contract.study_site import StudySite

WEEKLY = Grid(every_days=7)
KEY = {"key": SigningKey.generate().public.text, "valid_from": "2026-01-01", "valid_until": "2027-01-01"}
REGISTERED = RegisteredSite.model_validate({"id": "berlin", "keys": [KEY], "registered": "2026-05-20"})


def a_site(**more: Any) -> StudySite:
    (row,) = a_study(("berlin",))["sites"]  # type: ignore[misc]
    return StudySite.model_validate(row | more)


def stands(standing: Standing | None, now: dt.datetime = NOW, **more: Any) -> Member:
    study = Study.model_validate(a_study(("berlin",)))
    return member(study, a_site(**more), REGISTERED, standing, now)


def reported(grid_point: int = TODAY, activity: str = "active", since: dt.datetime = NOW, grid: Grid | None = None) -> Standing:
    policy = PolicyStatement.of(Policy(grid=grid or Grid()))
    return Standing.of(a_report(grid_point=grid_point, tables=(), activity=activity, policy=policy), since)


@pytest.mark.parametrize(("days", "state"), [(0, "fresh"), (1, "fresh"), (2, "late"), (3, "late"), (4, "silent"), (90, "silent")])
def test_a_daily_site_is_late_and_silent_in_days(days: int, state: str) -> None:
    assert stands(reported(), NOW + dt.timedelta(days=days)).state == state


@pytest.mark.parametrize(("weeks", "state"), [(1, "fresh"), (2, "late"), (4, "silent")])
def test_a_weekly_site_is_late_and_silent_in_weeks(weeks: int, state: str) -> None:
    point = WEEKLY.index(NOW)
    now = WEEKLY.moment(point + weeks) + dt.timedelta(hours=1)

    assert stands(reported(point, grid=WEEKLY), now).state == state


def test_a_site_that_never_reported_is_measured_from_its_registration() -> None:
    one = stands(None)

    assert (one.state, one.missed) == ("never_reported", 13)
    assert one.since == dt.datetime(2026, 5, 20, tzinfo=dt.UTC)


@pytest.mark.parametrize(("grid", "steps", "state"), [(Grid(), 3, "retracted"), (Grid(), 4, "silent"), (WEEKLY, 3, "retracted")])
def test_a_site_whose_reports_were_all_taken_back_has_reported_and_is_measured_on_its_grid(
    grid: Grid, steps: int, state: str
) -> None:
    point = grid.index(NOW)
    newest = TakenBack(point, grid.moment(point))
    study, now = Study.model_validate(a_study(("berlin",))), grid.moment(point + steps) + dt.timedelta(hours=1)

    one = member(study, a_site(), REGISTERED, None, now, newest)

    assert (one.state, one.missed, one.expected, one.since) == (state, steps, True, newest.grid_time)
    assert member(study, a_site(), REGISTERED, reported(), now, newest).taken_back is None, "a newer report counts"


def test_paused_and_frozen_are_told_by_the_report_and_silence_is_worse() -> None:
    assert stands(reported(activity="paused")).state == "paused"
    assert stands(reported(activity="frozen")).state == "frozen"
    assert stands(reported(TODAY - 5, activity="paused")).state == "silent"


def test_a_site_whose_membership_is_over_is_closed_and_not_expected() -> None:
    one = stands(reported(), member_until="2026-05-31")

    assert (one.state, one.expected, one.current) == ("closed", False, False)


def test_a_site_leaves_the_current_totals_when_it_is_silent_or_paused_for_long() -> None:
    assert stands(reported(TODAY - 13)).current
    assert not stands(reported(TODAY - 14)).current
    assert stands(reported(activity="paused", since=NOW - dt.timedelta(days=13))).current
    assert not stands(reported(activity="paused", since=NOW - dt.timedelta(days=14))).current


def test_the_plan_is_a_straight_line_that_bends_at_a_new_target() -> None:
    old = {"patients": 100, "by": "2026-04-11", "valid_from": "2026-01-01"}
    new = {"patients": 250, "by": "2026-05-21", "valid_from": "2026-02-20"}
    site = a_site(targets=[old, new])

    planned = [
        planned_patients(site, dt.date.fromisoformat(day)) for day in ("2026-01-01", "2026-02-20", "2026-04-06", "2026-06-01")
    ]

    assert planned == [0, 50, 150, 250]
    assert planned_patients(site, dt.date(2025, 12, 31)) is None
    assert planned_patients(a_site(targets=[]), dt.date(2026, 6, 1)) is None


def test_a_site_that_left_the_study_is_waited_for_no_more() -> None:
    for days in (0, 90):
        one = stands(reported(activity="withdrawn"), NOW + dt.timedelta(days=days))

        assert (one.state, one.expected, one.current) == ("withdrawn", False, False)


def test_a_site_without_a_key_is_measured_from_its_first_day_as_a_member() -> None:
    study = Study.model_validate(a_study(("berlin",)))
    found = member(study, a_site(member_from="2026-05-02"), None, None, NOW)

    assert (found.state, found.expected, NOW - found.since) == ("never_reported", True, dt.timedelta(days=30, hours=12))


@pytest.mark.parametrize("grid", [Grid(), Grid(at_hour=23), Grid(every_days=7, at_hour=0)])
@pytest.mark.parametrize("activity", ["active", "paused"])
def test_no_state_changes_within_an_hour(grid: Grid, activity: str) -> None:
    newest = reported(grid.index(NOW), activity, grid.moment(grid.index(NOW)), grid)
    hours = [NOW + dt.timedelta(hours=hour) for hour in range(0, 24 * 60, 7)]

    told = [
        {stands(newest, hour + dt.timedelta(seconds=later), member_until="2026-07-09").state for later in (0, 1, 1800, 3599)}
        for hour in hours
    ]

    assert all(len(states) == 1 for states in told)
    assert len(set.union(*told)) >= 3, "it was late, silent or closed meanwhile"
