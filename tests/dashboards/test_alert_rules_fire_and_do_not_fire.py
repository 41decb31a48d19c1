"""The rules in promtool's own simulator: one minute of Prometheus per step."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from studyscope_contract.catalogue import centre
from studyscope_dashboards.prometheus import PUBLISHED_JOB
from studyscope_dashboards.rules import alert_rules, write_rules

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "runbooks.md"

LYON = 'study="liver-ct",site="lyon"'
INFO = {
    "series": f'study_site_info{{{LYON},name="Hospital of Lyon",city="Lyon",latitude="45.7",longitude="4.8"}}',
    "values": "1x600",
}


def in_state(*spans: tuple[str, str]) -> list[dict[str, str]]:
    """The site's state series; `spans` gives for a state its values, 0 for every other state."""
    given = dict(spans)
    return [
        {"series": f'study_site_state{{{LYON},state="{state}"}}', "values": given.get(state, "0x600")}
        for state in centre.SITE_STATES
    ]


def waited(points: str) -> list[dict[str, str]]:
    return [
        {"series": f"study_site_missed_grid_points{{{LYON}}}", "values": points},
        {"series": 'study_never_reported_after_grid_points{study="liver-ct"}', "values": "14x600"},
    ]


def check(folder: Path, series: list[dict[str, str]], fires: dict[str, set[str]]) -> None:
    """Asserts which of the three alerts about sites fire at which moments; `fires` maps a moment to alert names."""
    rules = {rule.name: rule for rule in alert_rules()}
    asserted = []
    for moment, names in fires.items():
        for name in ("site_late", "site_silent", "site_never_reported"):
            expected = [_alert(rules[name].to_prometheus())] if name in names else []
            asserted.append({"eval_time": moment, "alertname": name, "exp_alerts": expected})
    run_promtool(folder, {"interval": "1m", "input_series": [INFO, *series], "alert_rule_test": asserted})


def _alert(rule: dict[str, Any]) -> dict[str, Any]:
    words = {"name": "Hospital of Lyon", "city": "Lyon", "study": "liver-ct", "site": "lyon"}
    no_report = re.compile(r"\{\{ with .*\{\{ else \}\}(.*?)\{\{ end \}\}")
    annotations = {key: no_report.sub(r"\1", text) for key, text in rule["annotations"].items()}
    texts = {key: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: words[match[1]], text) for key, text in annotations.items()}
    return {"exp_labels": {**words, **rule["labels"]}, "exp_annotations": texts}


def run_promtool(folder: Path, test: dict[str, Any]) -> None:
    rules = write_rules(folder)
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [rules.name], "evaluation_interval": "1m", "tests": [test]}), encoding="utf-8")
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(write_rules(tmp_path))], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{2 * len(alert_rules())} rules found" in done.stdout


@needs_promtool
def test_nothing_fires_while_a_site_is_fresh(tmp_path: Path) -> None:
    check(tmp_path, in_state(("fresh", "1x600")), {"1h": set()})


@needs_promtool
@pytest.mark.parametrize("state", ["paused", "frozen", "closed"])
def test_nothing_fires_for_a_site_that_somebody_paused_froze_or_closed(tmp_path: Path, state: str) -> None:
    check(tmp_path, in_state((state, "1x600")), {"1h": set()})


@needs_promtool
def test_a_late_site_is_late_and_not_silent(tmp_path: Path) -> None:
    check(tmp_path, in_state(("fresh", "1x10 0x590"), ("late", "0x10 1x590")), {"5m": set(), "30m": {"site_late"}})


@needs_promtool
def test_late_goes_on_while_silent_so_that_it_is_not_reported_as_over(tmp_path: Path) -> None:
    series = in_state(("late", "1x10 0x590"), ("silent", "0x10 1x590"))
    check(tmp_path, series, {"5m": {"site_late"}, "30m": {"site_late", "site_silent"}})


@needs_promtool
def test_of_a_silent_site_whose_reports_were_all_taken_back_no_number_is_said_to_be_shown(tmp_path: Path) -> None:
    (silent,) = (rule for rule in alert_rules() if rule.name == "site_silent")
    what = _alert(silent.to_prometheus())["exp_annotations"]["what"]

    assert "were taken back" in what
    assert "last known" not in what
    check(tmp_path, in_state(("silent", "1x600")), {"30m": {"site_late", "site_silent"}})


@needs_promtool
def test_a_site_that_reports_again_ends_both_at_once(tmp_path: Path) -> None:
    series = in_state(("silent", "1x60 0x540"), ("fresh", "0x60 1x540"))
    check(tmp_path, series, {"30m": {"site_late", "site_silent"}, "63m": set()})


@needs_promtool
def test_a_series_that_vanishes_resolves_nothing(tmp_path: Path) -> None:
    """The centre restarts or a scrape fails: the site is as silent as before."""
    series = in_state(("silent", "1x30 _x570"))
    check(tmp_path, series, {"20m": {"site_late", "site_silent"}, "9h": {"site_late", "site_silent"}})


@needs_promtool
def test_a_site_that_joined_yesterday_has_not_yet_never_reported(tmp_path: Path) -> None:
    check(tmp_path, [*in_state(("never_reported", "1x600")), *waited("1x600")], {"1h": set()})


@needs_promtool
def test_a_site_that_never_reported_fires_after_the_study_s_patience(tmp_path: Path) -> None:
    series = [*in_state(("never_reported", "1x600")), *waited("13x60 14x540")]
    check(tmp_path, series, {"50m": set(), "2h": {"site_never_reported"}})


@needs_promtool
def test_a_site_that_reported_once_and_stopped_has_not_never_reported(tmp_path: Path) -> None:
    check(tmp_path, [*in_state(("silent", "1x600")), *waited("40x600")], {"1h": {"site_late", "site_silent"}})


@needs_promtool
def test_an_aggregator_that_is_down_fires_and_a_restart_does_not(tmp_path: Path) -> None:
    (rule,) = [rule for rule in alert_rules() if rule.name == "aggregator_down"]
    alert = {"exp_labels": rule.to_prometheus()["labels"], "exp_annotations": rule.to_prometheus()["annotations"]}
    series = {"series": f'up{{job="{PUBLISHED_JOB}",instance="a"}}', "values": "1x20 0x5 1x20 0x60"}
    asserted = [
        {"eval_time": "24m", "alertname": "aggregator_down", "exp_alerts": []},
        {"eval_time": "30m", "alertname": "aggregator_down", "exp_alerts": []},
        {"eval_time": "80m", "alertname": "aggregator_down", "exp_alerts": [alert]},
    ]
    run_promtool(tmp_path, {"interval": "1m", "input_series": [series], "alert_rule_test": asserted})


def test_every_alert_says_what_to_do_and_has_its_runbook() -> None:
    headings = set(re.findall(r"^## (\w+)$", RUNBOOKS.read_text(encoding="utf-8"), flags=re.MULTILINE))

    assert {rule.name for rule in alert_rules()} == headings
    for rule in alert_rules():
        texts = rule.to_prometheus()["annotations"]
        assert rule.audience == "machine" or "".join(text for key, text in texts.items() if key.startswith("to_do_")), rule.name
        assert rule.dashboard.startswith("/d/")
        assert rule.to_prometheus()["annotations"]["runbook"] == f"runbooks.html#{rule.name}"


READERS = {
    "technical": {"coordinator", "site_it"},
    "decision": {"coordinator", "leads"},
    "everyone": {"coordinator", "leads", "site_it"},
    "machine": set[str](),
}


def test_everybody_who_gets_a_mail_finds_a_line_for_them_in_it() -> None:
    for rule in alert_rules():
        readers = READERS[rule.audience] - (set() if rule.is_about_a_site else {"site_it"})
        told = {key.removeprefix("to_do_") for key in rule.to_prometheus()["annotations"] if key.startswith("to_do_")}
        assert "others" in told or readers <= told, f"{rule.name} has nothing for {readers - told}"
        assert told - {"others"} <= READERS[rule.audience], f"{rule.name} speaks to people who never see it"
