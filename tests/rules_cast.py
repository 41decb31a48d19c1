"""One rule in promtool's own simulator, about one site: Lyon of the study liver-ct."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from studyscope_contract.catalogue import centre
from studyscope_dashboards.rules import write_rules

PROMTOOL = shutil.which("promtool")
WHO = 'study="liver-ct",site="lyon"'
HOURS = 24 * 40
THRESHOLDS = {
    "behind_plan_percent": 80,
    "job_failure_percent": 20,
    "missing_structure_percent": 20,
    "missing_images_percent": 20,
    "least_patients": 50,
}


def steady(name: str, value: float, labels: str = WHO) -> tuple[str, str]:
    return f"{name}{{{labels}}}", f"{value}x{HOURS}"


def site(state: str = "fresh") -> list[tuple[str, str]]:
    info = steady("study_site_info", 1, f'{WHO},name="Hospital of Lyon",city="Lyon",latitude="45.7",longitude="4.8"')
    states = [steady("study_site_state", int(one == state), f'{WHO},state="{one}"') for one in centre.SITE_STATES]
    limits = [steady("study_alert_threshold", v, f'study="liver-ct",threshold="{n}"') for n, v in THRESHOLDS.items()]
    policy = [steady("study_policy_base", 10), steady("study_policy_batch", 10), steady("study_policy_threshold", 15)]
    return [info, *states, *limits, *policy]


def firing(folder: Path, alert: str, series: list[tuple[str, str]], moments: dict[str, int], **rules: Any) -> None:
    """Asserts how many alerts of that name fire at which moments; one step is an hour, or `step`.

    `worth`: a moment and the highest value of the rule's expression then, which the words of the mail may name.
    """
    step, worth = rules.pop("step", "1h"), rules.pop("worth", {})
    written = only(alert, write_rules(folder, **rules))
    expr = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    asked = [
        {"expr": expr, "eval_time": moment, "exp_samples": [{"labels": "{}", "value": count}]}
        for moment, count in moments.items()
    ]
    _, rule = yaml.safe_load(written.read_text(encoding="utf-8"))["groups"][0]["rules"]
    asked += [
        {"expr": f"max({rule['expr']})", "eval_time": moment, "exp_samples": [{"labels": "{}", "value": value}]}
        for moment, value in worth.items()
    ]
    given = [{"series": name, "values": values} for name, values in series]
    test = {"interval": step, "input_series": given, "promql_expr_test": asked}
    content = {"rule_files": [written.name], "evaluation_interval": step, "tests": [test]}
    (folder / "test.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(folder / "test.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def only(alert: str, rules: Path) -> Path:
    """The rule file with one rule left: the simulator is slow with all of them."""
    content = yaml.safe_load(rules.read_text(encoding="utf-8"))
    content["groups"][0]["rules"] = [
        rule for rule in content["groups"][0]["rules"] if alert in (rule.get("alert"), rule.get("record", "").partition(":")[2])
    ]
    rules.write_text(yaml.safe_dump(content), encoding="utf-8")
    return rules
