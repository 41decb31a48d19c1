"""Lines over time in promtool's simulator: one sample of history a day, as the centre writes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from studyscope_contract.catalogue import progress
from studyscope_dashboards import queries as q
from studyscope_dashboards.look.variables import filled

PROMTOOL = shutil.which("promtool")
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")

LYON = 'study="liver-ct",site="lyon"'
PATIENTS = f"study_history_patients{{{LYON}}}"
TAKEN_BACK = f"study_history_site_retracted_reports{{{LYON}}}"


def daily(*days: float | None) -> str:
    """One sample an hour after each midnight; None is a day without one."""
    samples: list[str] = []
    for day in days:
        samples += ["_", "_" if day is None else f"{day:g}", *["_"] * 22]
    return " ".join(samples)


def seen(folder: Path, series: dict[str, str], expr: str, moments: dict[str, float | None]) -> None:
    """Asserts what `expr` is at each moment, None for nothing."""
    exact = filled(f"sum by (study, site) ({expr})", {"study": "liver-ct", "site": "lyon"})
    asked: list[dict[str, Any]] = [
        {
            "expr": exact,
            "eval_time": moment,
            "exp_samples": [] if value is None else [{"labels": f"{{{LYON}}}", "value": value}],
        }
        for moment, value in moments.items()
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    file = folder / "test.yml"
    test = {"evaluation_interval": "1h", "rule_files": [], "tests": [{"interval": "1h", "input_series": inputs}]}
    test["tests"][0]["promql_expr_test"] = asked
    file.write_text(yaml.safe_dump(test), encoding="utf-8")
    answer = subprocess.run([str(PROMTOOL), "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_silent_site_s_line_goes_on_at_its_last_number(tmp_path: Path) -> None:
    history = {PATIENTS: daily(100, 110, 120)}
    seen(tmp_path, history, q.last_known(progress.PATIENTS.metric), {"12h": 100, "2d12h": 120, "30d": 120})
    seen(tmp_path, history, q.daily(progress.PATIENTS.metric), {"2d12h": 120, "3d12h": None})


def test_days_that_were_taken_back_are_in_no_line_and_the_last_good_number_stands_for_them(tmp_path: Path) -> None:
    history = {PATIENTS: daily(100, 110, 900, 900, 130), TAKEN_BACK: daily(None, None, 1, 1)}
    seen(tmp_path, history, q.daily(progress.PATIENTS.metric), {"1d12h": 110, "2d12h": None, "3d12h": None})
    seen(tmp_path, history, q.last_known(progress.PATIENTS.metric), {"1d12h": 110, "2d12h": 110, "3d12h": 110, "5d12h": 130})


def test_a_number_that_was_taken_back_does_not_come_back_when_the_site_falls_silent(tmp_path: Path) -> None:
    history = {PATIENTS: daily(100, 110, 900), TAKEN_BACK: daily(None, None, 1)}
    seen(tmp_path, history, q.last_known(progress.PATIENTS.metric), {"2d12h": 110, "4d": 110, "20d": 110})


def test_looking_back_from_each_moment_sees_the_same_line_earlier(tmp_path: Path) -> None:
    history = {PATIENTS: daily(100, 110, 900, 120), TAKEN_BACK: daily(None, None, 1)}
    seen(tmp_path, history, q.last_known(progress.PATIENTS.metric, ago="30d"), {"32d12h": 110, "33d12h": 120, "45d": 120})
