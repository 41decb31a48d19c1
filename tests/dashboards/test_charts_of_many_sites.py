"""What a bar chart shows of three sites and of twenty, asked of Prometheus' own simulator."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from studyscope_contract.catalogue import imaging
from studyscope_dashboards import queries as q
from studyscope_dashboards.look.variables import filled
from studyscope_dashboards.many_sites import BARS, FEW
from studyscope_dashboards.why_nothing import rows_without

PROMTOOL = shutil.which("promtool")
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")

CELLS = f"max by (site, sex) ({q.of_sites(imaging.SEX.metric)})"


def consortium(showing: int, silent: int) -> list[dict[str, str]]:
    """Sites s1, s2, … that show 11, 12, … patients, and sites n1, n2, … that have never reported."""
    series = []
    for site, patients in [(f"s{n}", 10 + n) for n in range(1, showing + 1)] + [(f"n{n}", 0) for n in range(1, silent + 1)]:
        who = f'study="liver",site="{site}"'
        series.append({"series": f"study_site_info{{{who}}}", "values": "1x2"})
        state = "fresh" if patients else "never_reported"
        series.append({"series": f'study_site_state{{{who},state="{state}"}}', "values": "1x2"})
        if patients:
            series.append({"series": f'{imaging.SEX.metric}{{{who},sex="female"}}', "values": f"{patients}x2"})
    return series


def rows_are(folder: Path, series: list[dict[str, str]], wanted: list[str]) -> None:
    """Asserts which rows the chart has, and so that there are no others."""
    expr = filled(rows_without(CELLS, "sex", "female", imaging.SEX), {"study": "liver", "site": ".*"})
    samples = [{"labels": f'{{site="{site}"}}', "value": 1} for site in wanted]
    asked = {"expr": f"count by (site) ({expr}) * 0 + 1", "eval_time": "1m", "exp_samples": samples}
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [asked]}
    content = {"rule_files": [], "evaluation_interval": "1m", "tests": [test]}
    (folder / "test.yml").write_text(yaml.safe_dump(content, width=1_000_000, allow_unicode=True), encoding="utf-8")
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(folder / "test.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_few_sites_have_a_row_each_and_one_without_a_bar_says_why(tmp_path: Path) -> None:
    rows_are(tmp_path, consortium(2, 1), ["s1", "s2", "n1 · never reported"])


def test_of_many_sites_the_largest_have_a_bar_and_the_others_are_counted(tmp_path: Path) -> None:
    shown, silent = FEW, 3
    largest = [f"s{n}" for n in range(shown - BARS + 1, shown + 1)]
    rows_are(tmp_path, consortium(shown, silent), [*largest, f"{shown - BARS} smaller sites", "3 sites · never reported"])


def test_a_single_site_without_numbers_among_many_is_counted_in_the_singular(tmp_path: Path) -> None:
    largest = [f"s{n}" for n in range(FEW - BARS + 1, FEW + 1)]
    rows_are(tmp_path, consortium(FEW, 1), [*largest, f"{FEW - BARS} smaller sites", "1 site · never reported"])
