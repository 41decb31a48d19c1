"""The rule about distributions, measured behind disclosure control: how often it is wrong, and which shift it finds.

Simulated consortia of ten hospitals; liver volumes are log-normal (median 1,500 ml, sigma 0.25, as in
adults), each hospital with its own natural difference (sd 0.05 on the log). A shifted hospital finds
1.25 sigma more, a median 37 % larger. All of it goes through the pipeline's own merging and binning under the default policy.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

from aggregator_cast import NOW, a_report, a_table
from studyscope_aggregator.samples import published
from studyscope_aggregator.standing import Standing
from studyscope_contract.catalogue import segmentation
from studyscope_contract.policy import PRESETS
from studyscope_dashboards.alerts.site_unlike_pool import LEAST_PATIENTS, RULE
from studyscope_exporter.disclosure.bins import shown_cells
from studyscope_exporter.disclosure.census import Exact

PROMTOOL = shutil.which("promtool")
TABLE = segmentation.STRUCTURE_VOLUME
EDGES = TABLE.dimensions[0].codes
CONSORTIA, SITES = 30, 10
SIGMA, NATURAL, SHIFT = 0.25, 0.05, 1.25


def volumes(dice: np.random.Generator, patients: int, shift: float) -> dict[tuple[str, ...], int]:
    own = dice.normal(0, NATURAL) + shift * SIGMA
    found = np.exp(dice.normal(np.log(1500) + own, SIGMA, patients))
    places = np.searchsorted([float(edge) for edge in EDGES], found)
    return dict(Counter((EDGES[place],) for place in places))


def series(study: str, site: str, counts: dict[tuple[str, ...], int]) -> list[dict[str, str]]:
    patients = sum(counts.values())
    exact = {cell: Exact(count) for cell, count in counts.items()}
    shown = shown_cells(TABLE, TABLE.cells, exact, patients=patients, parameters=PRESETS["tens"], before=())
    report = a_report(site, tables=(a_table(TABLE.id, dict(shown), "liver"),), study=study)
    return [
        {
            "series": f"{sample.name}{{{','.join(f'{n}={json.dumps(v)}' for n, v in sample.labels)}}}",
            "values": f"{sample.value}x2",
        }
        for sample in published(Standing.of(report, NOW))
    ]


def consortia(shift: float) -> list[dict[str, str]]:
    """`shift` is that of the first hospital of each consortium."""
    dice = np.random.default_rng(7)
    lines = []
    for study in range(CONSORTIA):
        for site in range(SITES):
            patients = int(dice.integers(LEAST_PATIENTS + 10, 600))
            counts = volumes(dice, patients, shift if site == 0 else 0.0)
            lines += series(f"study-{study}", f"site-{site}", counts)
            info = f'study="study-{study}",site="site-{site}",name="n",city="c"'
            lines.append({"series": f"study_site_info{{{info}}}", "values": "1x2"})
    return lines


def told_of(folder: Path, lines: list[dict[str, str]], wanted: dict[str, str]) -> None:
    """Asserts that the count each expression gives is as `wanted` says, a comparison."""
    true = [{"labels": "{}", "value": 1}]
    asked = [{"expr": f"({expr}) {than}", "eval_time": "1m", "exp_samples": true} for expr, than in wanted.items()]
    test = {"interval": "1m", "input_series": lines, "promql_expr_test": asked}
    content = {"rule_files": [], "evaluation_interval": "1m", "tests": [test]}
    (folder / "test.yml").write_text(yaml.safe_dump(content, width=1_000_000), encoding="utf-8")
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(folder / "test.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_without_a_shift_fewer_than_one_in_a_hundred_hospitals_is_told_of(tmp_path: Path) -> None:
    count = f"count({RULE.expr}) or vector(0)"
    told_of(tmp_path, consortia(0.0), {count: f"<= bool {CONSORTIA * SITES / 100}"})


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_a_hospital_that_finds_a_third_more_is_told_of_in_eight_of_ten_consortia(tmp_path: Path) -> None:
    shifted = f'count(({RULE.expr}) and on (site) label_replace(vector(1), "site", "site-0", "", "")) or vector(0)'
    told_of(tmp_path, consortia(SHIFT), {shifted: f">= bool {0.8 * CONSORTIA}"})
