"""Every rule about numbers in promtool's simulator: when it fires, and the cases in which it must not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rules_cast import HOURS, WHO, firing, site, steady
from studyscope_contract.catalogue import centre
from studyscope_dashboards.quiet_hours import QuietHours

PROMTOOL = shutil.which("promtool")
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


def refused(reason: str, values: str) -> tuple[str, str]:
    return f'study_site_refused_reports{{{WHO},reason="{reason}"}}', values


def test_a_refused_report_is_told_of_for_a_day(tmp_path: Path) -> None:
    series = [*site(), refused("unknown_key", f"_x9 1x{HOURS}")]
    firing(tmp_path, "report_refused", series, {"8h": 0, "12h": 1, "30h": 1, "60h": 0})


def test_refusals_of_long_ago_are_not_told_of_again(tmp_path: Path) -> None:
    firing(tmp_path, "report_refused", [*site(), refused("unknown_key", f"7x{HOURS}")], {"72h": 0})


def test_a_clock_that_is_ahead_is_told_of_as_that_and_not_as_a_refusal(tmp_path: Path) -> None:
    series = [*site(), refused("in_future", f"_x9 1x{HOURS}")]
    firing(tmp_path, "clock_skew", series, {"8h": 0, "12h": 1, "60h": 0})
    firing(tmp_path, "report_refused", series, {"12h": 0})


@pytest.mark.parametrize(("days", "fires"), [(5, 1), (59, 1), (90, 0), (700, 0)])
def test_a_key_is_told_of_in_its_last_two_months(tmp_path: Path, days: int, fires: int) -> None:
    """Time 0 of the simulation is 1970."""
    firing(tmp_path, "key_expiring", [*site(), steady("study_site_key_expiry_timestamp_seconds", days * 86400)], {"3h": fires})


def test_an_outdated_exporter_is_told_of_after_two_weeks(tmp_path: Path) -> None:
    firing(tmp_path, "exporter_outdated", [*site(), steady("study_site_exporter_outdated", 1)], {"13d": 0, "15d": 1})


def test_an_exporter_that_is_updated_within_two_weeks_is_not(tmp_path: Path) -> None:
    series = [*site(), (f"study_site_exporter_outdated{{{WHO}}}", f"1x200 0x{HOURS}")]
    firing(tmp_path, "exporter_outdated", series, {"8d": 0, "16d": 0})


def test_a_source_that_is_down_for_two_days_is_told_of_and_one_bad_night_is_not(tmp_path: Path) -> None:
    down = f'study_site_source_up{{{WHO},kind="dicomweb"}}'
    firing(tmp_path, "source_down", [*site(), (down, f"1x30 0x24 1x{HOURS}")], {"50h": 0, "80h": 0})
    firing(tmp_path, "source_down", [*site(), (down, f"1x30 0x{HOURS}")], {"50h": 0, "90h": 1})


def outcomes(failed: float, succeeded: float) -> list[tuple[str, str]]:
    labels = f'{WHO},workflow="segment"'
    shown = [("failed", failed), ("succeeded", succeeded)]
    return [steady("study_job_patients", n, f'{labels},outcome="{outcome}"') for outcome, n in shown if n]


@pytest.mark.parametrize(("failed", "succeeded", "fires"), [(30, 70, 1), (20, 80, 0), (0, 90, 0), (20, 20, 0)])
def test_a_high_share_of_failed_jobs_is_told_of_over_enough_patients(
    tmp_path: Path, failed: float, succeeded: float, fires: int
) -> None:
    firing(tmp_path, "job_failures_high", [*site(), *outcomes(failed, succeeded)], {"3h": fires})


def test_a_number_that_vanishes_resolves_nothing_for_days(tmp_path: Path) -> None:
    labels = f'{WHO},workflow="segment"'
    series = [
        *site(),
        (f'study_job_patients{{{labels},outcome="failed"}}', "40x10"),
        (f'study_job_patients{{{labels},outcome="succeeded"}}', "60x10"),
    ]
    firing(tmp_path, "job_failures_high", series, {"5h": 1, "30h": 1, "60h": 1})


def test_stuck_jobs_that_can_be_shown_are_told_of(tmp_path: Path) -> None:
    stuck = steady("study_job_patients", 20, f'{WHO},workflow="segment",outcome="stuck"')
    firing(tmp_path, "jobs_stuck", [*site(), stuck], {"3h": 1})
    firing(tmp_path, "jobs_stuck", [*site(), *outcomes(20, 80)], {"3h": 0})


def waits(over_an_hour: str, within: str) -> list[tuple[str, str]]:
    labels = f'{WHO},workflow="segment"'
    name = "study_job_queue_wait_seconds_bucket"
    cumulative = [("900.0", within), ("14400.0", over_an_hour), ("+Inf", over_an_hour)]
    return [(f'{name}{{{labels},le="{edge}"}}', values) for edge, values in cumulative]


def test_a_queue_that_grew_to_hours_is_told_of_and_one_that_always_was_is_not(tmp_path: Path) -> None:
    grew = waits(f"100x{HOURS}", f"90x400 20x{HOURS}")
    firing(tmp_path, "queue_growing", [*site(), *grew], {"15d": 0, "20d": 1})
    firing(tmp_path, "queue_growing", [*site(), *waits(f"100x{HOURS}", f"20x{HOURS}")], {"20d": 0})


@pytest.mark.parametrize(
    ("patients", "planned", "fires"),
    [(100, 200, 1), (140, 200, 0), (20, 40, 0)],
    ids=["clearly behind", "perhaps not behind, with what may still wait", "joined lately"],
)
def test_behind_plan_needs_the_upper_bound_with_the_largest_batch(
    tmp_path: Path, patients: float, planned: float, fires: int
) -> None:
    series = [*site(), steady("study_patients", patients), steady("study_site_planned_patients", planned)]
    firing(tmp_path, "accrual_behind", series, {"2d": 0, "4d": fires})


@pytest.mark.parametrize("state", ["silent", "paused", "frozen", "closed"])
def test_a_site_that_cannot_move_is_not_behind(tmp_path: Path, state: str) -> None:
    series = [*site(state), steady("study_patients", 50), steady("study_site_planned_patients", 200)]
    firing(tmp_path, "accrual_behind", series, {"5d": 0})


def test_a_site_that_is_hidden_is_not_behind(tmp_path: Path) -> None:
    firing(tmp_path, "accrual_behind", [*site(), steady("study_site_planned_patients", 200)], {"5d": 0})


@pytest.mark.parametrize(("missing", "fires"), [(30, 1), (20, 0)])
def test_a_structure_that_is_often_missing_is_told_of(tmp_path: Path, missing: float, fires: int) -> None:
    labels = f'{WHO},structure="spleen"'
    states = [("missing", missing), ("present", 100 - missing)]
    series = [steady("study_structure_patients", n, f'{labels},state="{state}"') for state, n in states]
    firing(tmp_path, "structures_missing", [*site(), *series], {"3h": fires})


@pytest.mark.parametrize(("current", "last_known", "fires"), [(5, 10, 1), (8, 10, 0), (1, 2, 0)])
def test_low_coverage_is_told_of_when_sites_dropped_out(tmp_path: Path, current: float, last_known: float, fires: int) -> None:
    name = "study_consortium_patients_sites"
    totals = [("current", current), ("last_known", last_known)]
    series = [steady(name, n, f'study="liver-ct",total="{total}"') for total, n in totals]
    limit = steady("study_alert_threshold", 70, 'study="liver-ct",threshold="coverage_percent"')
    firing(tmp_path, "coverage_low", [*series, limit], {"3h": fires})


def test_an_aggregator_that_cannot_write_is_told_of_and_history_that_is_merely_off_is_not(tmp_path: Path) -> None:
    well = [steady("studyscope_store_up", 1, 'instance="a"'), steady("studyscope_registry_reload_success", 1, 'instance="a"')]
    off = [steady("studyscope_history_up", 0, 'instance="a"'), steady("studyscope_history_reports_behind", 0, 'instance="a"')]
    firing(tmp_path, "aggregator_unwell", [*well, *off], {"3h": 0})
    firing(tmp_path, "aggregator_unwell", [steady("studyscope_store_up", 0, 'instance="a"'), well[1]], {"3h": 1})


def test_the_watchdog_always_fires(tmp_path: Path) -> None:
    firing(tmp_path, "watchdog", [], {"1h": 1, "20d": 1})


NIGHT = QuietHours.parse("20-6")


def test_what_begins_or_ends_in_quiet_hours_is_told_when_they_are_over(tmp_path: Path) -> None:
    """Time 0 of the simulation is midnight UTC of a Thursday; the site is silent from 22 h and reports again at 46 h, at night."""
    late = [(f'study_site_state{{{WHO},state="{state}"}}', values) for state, values in states_over_time()]
    series = [site()[0], *late]
    moments = {"12h": 0, "21h": 0, "23h": 0, "29h": 0, "31h": 1, "44h": 1, "47h": 1, "53h": 1, "55h": 0}
    firing(tmp_path, "site_silent", series, moments, quiet=NIGHT, step="4m")
    firing(tmp_path, "site_silent", series, {"21h": 0, "23h": 1, "45h": 1, "47h": 0}, step="4m")


def states_over_time() -> list[tuple[str, str]]:
    """Fifteen steps an hour: silent from 22 h to 46 h."""
    silent, fresh = f"0x329 1x359 0x{HOURS}", f"1x329 0x359 1x{HOURS}"
    given = {"silent": silent, "fresh": fresh}
    return [(state, given.get(state, f"0x{HOURS}")) for state in centre.SITE_STATES]


def test_what_is_critical_waits_for_no_morning(tmp_path: Path) -> None:
    broken = [steady("studyscope_store_up", 0, 'instance="a"')]
    firing(tmp_path, "aggregator_unwell", broken, {"3h": 1}, quiet=NIGHT)


@pytest.mark.parametrize("text", ["20", "20-20", "25-6", "8pm-6am"])
def test_quiet_hours_that_are_none_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="as in 20-6"):
        QuietHours.parse(text)


def images_of(time_point: str, seen: float, missing: float, not_due: float = 0) -> list[tuple[str, str]]:
    states = {"seen": seen, "missing": missing, "not_due": not_due}
    return [
        steady("study_time_point_patients", value, f'{WHO},time_point="{time_point}",state="{state}"')
        for state, value in states.items()
        if value
    ]


def test_images_that_the_protocol_expected_by_now_and_nobody_has_are_told_of_per_time_point(tmp_path: Path) -> None:
    series = [*site(), *images_of("month-6", 60, 20), *images_of("month-12", 60, 10)]

    firing(tmp_path, "expected_images_missing", series, {"3h": 1}, worth={"3h": 25})


def test_images_of_patients_whose_time_has_not_come_are_not_missing(tmp_path: Path) -> None:
    """Of 60 who are due 10 have none: 17 %, and 300 others wait."""
    firing(tmp_path, "expected_images_missing", [*site(), *images_of("month-6", 50, 10, 300)], {"3h": 0})


def test_missing_images_of_few_patients_or_as_many_as_the_study_allows_are_not_told_of(tmp_path: Path) -> None:
    firing(tmp_path, "expected_images_missing", [*site(), *images_of("month-6", 20, 20)], {"3h": 0})
    firing(tmp_path, "expected_images_missing", [*site(), *images_of("month-6", 80, 20)], {"3h": 0})


def test_missing_images_go_on_while_the_series_is_away_and_end_when_they_came(tmp_path: Path) -> None:
    missing = f'study_time_point_patients{{{WHO},time_point="month-6",state="missing"}}'
    seen = f'study_time_point_patients{{{WHO},time_point="month-6",state="seen"}}'
    gone = [(missing, "40x20 _x40 40x100"), (seen, "60x20 _x40 60x100")]
    came = [(missing, "40x20 10x200"), (seen, "60x20 90x200")]

    firing(tmp_path, "expected_images_missing", [*site(), *gone], {"10h": 1, "50h": 1})
    firing(tmp_path, "expected_images_missing", [*site(), *came], {"10h": 1, "60h": 1, "90h": 0})
