"""A planned downtime in promtool's simulator: nothing begins or ends in it, and everything is told afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rules_cast import HOURS, WHO, firing, site, steady
from studyscope_contract.catalogue import centre
from studyscope_dashboards.rules import alert_rules

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def states(*spans: tuple[str, int]) -> list[tuple[str, str]]:
    """The states of the site one after another, each for so many steps."""
    return [
        (f'study_site_state{{{WHO},state="{state}"}}', " ".join(f"{int(one == state)}x{steps - 1}" for one, steps in spans))
        for state in centre.SITE_STATES
    ]


def downtime(first: int, last: int, until_minute: int) -> tuple[str, str]:
    """Published from step `first` to step `last`, four minutes each; Prometheus then sees that it is gone."""
    values = f"_x{first} {60 * until_minute}x{last - first} stale _x400"
    return f"study_site_downtime_until_timestamp_seconds{{{WHO}}}", values


def test_a_site_that_is_down_as_planned_is_told_of_only_when_it_stays_away(tmp_path: Path) -> None:
    """Down from hour 2 to hour 10 as planned; silent from hour 4 on."""
    series = [site()[0], *states(("fresh", 60), ("silent", 600)), downtime(30, 150, 600)]

    firing(tmp_path, "site_silent", series, {"5h": 0, "9h": 0, "11h": 1}, step="4m")


def test_without_a_planned_downtime_the_same_site_is_told_of_at_once(tmp_path: Path) -> None:
    firing(tmp_path, "site_silent", [site()[0], *states(("fresh", 60), ("silent", 600))], {"5h": 1}, step="4m")


def test_a_site_that_comes_back_in_its_downtime_was_never_told_of(tmp_path: Path) -> None:
    series = [site()[0], *states(("fresh", 60), ("silent", 60), ("fresh", 600)), downtime(30, 150, 600)]

    firing(tmp_path, "site_silent", series, {"5h": 0, "7h": 0, "9h": 0, "11h": 0}, step="4m")


def test_what_was_told_before_goes_on_and_its_end_is_told_after_the_downtime(tmp_path: Path) -> None:
    """Silent from hour 1, said to be planned from hour 2 to 10, back from hour 6: no mail that it is over before hour 10."""
    series = [site()[0], *states(("fresh", 15), ("silent", 75), ("fresh", 600)), downtime(30, 150, 600)]

    firing(tmp_path, "site_silent", series, {"90m": 1, "5h": 1, "8h": 1, "11h": 0}, step="4m")


def test_a_downtime_that_is_ended_early_holds_nothing_any_more(tmp_path: Path) -> None:
    """Planned until hour 10 and ended at hour 6, while the site is silent from hour 4."""
    series = [site()[0], *states(("fresh", 60), ("silent", 600)), downtime(30, 90, 600)]

    firing(tmp_path, "site_silent", series, {"5h": 0, "7h": 1}, step="4m")


def test_another_site_s_downtime_holds_nothing(tmp_path: Path) -> None:
    elsewhere = steady("study_site_downtime_until_timestamp_seconds", 10**9, 'study="liver-ct",site="oslo"')

    firing(tmp_path, "site_silent", [*site("silent"), elsewhere], {"5h": 1})


def test_a_rule_about_the_centre_waits_for_no_site() -> None:
    held = {rule.name for rule in alert_rules() if "downtime" in rule.to_prometheus()["expr"]}

    assert {"site_silent", "accrual_behind", "structures_missing"} <= held
    assert not held & {"aggregator_down", "prometheus_unwell", "coverage_low", "watchdog"}


def test_the_share_in_a_repeated_mail_is_the_share_of_now_while_it_is_held(tmp_path: Path) -> None:
    """What goes on in a downtime keeps its own value, which the words of the mail name."""
    cells = [
        steady("study_structure_patients", 60, f'{WHO},structure="liver",state="present"'),
        steady("study_structure_patients", 40, f'{WHO},structure="liver",state="missing"'),
    ]
    down = (f"study_site_downtime_until_timestamp_seconds{{{WHO}}}", f"_x10 {10**9}x{HOURS}")

    firing(tmp_path, "structures_missing", [*site(), *cells, down], {"5h": 1, "20h": 1}, worth={"5h": 40, "20h": 40})
