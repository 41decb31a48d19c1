"""What an alert rule is, and the rule files that Prometheus reads."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from studyscope_dashboards import alerts

Audience = Literal["technical", "decision", "everyone"]
"""technical: site IT and coordinator; decision: study leads and coordinator; everyone: all of them."""

RULES_FILE = "studyscope.rules.yml"


@dataclass(frozen=True)
class AlertRule:
    """One alert, worded for people: what happened, what follows, what to do.

    Texts may use Prometheus' template variables ($labels, $value). `dashboard` is a path below Grafana's address.
    """

    name: str
    expr: str
    hold: str  # how long `expr` must be true before anybody is told
    audience: Audience
    title: str  # one line, for the subject
    over: str  # the same when it is over
    what: str
    to_do: str
    dashboard: str
    severity: Literal["information", "warning", "critical"] = "warning"

    def to_prometheus(self) -> dict[str, Any]:
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.hold,
            "labels": {"audience": self.audience, "severity": self.severity},
            "annotations": {
                "title": self.title,
                "over": self.over,
                "what": self.what,
                "to_do": self.to_do,
                "dashboard": self.dashboard,
                "runbook": f"runbooks.md#{self.name}",
            },
        }


def alert_rules() -> tuple[AlertRule, ...]:
    """Every rule in `alerts/`, by name."""
    found = []
    for module in pkgutil.iter_modules(alerts.__path__):
        rule = importlib.import_module(f"{alerts.__name__}.{module.name}").RULE
        if not isinstance(rule, AlertRule) or rule.name != module.name:
            raise TypeError(f"alerts/{module.name}.py must hold RULE, an AlertRule named {module.name!r}")
        found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.name))


def rules_file() -> str:
    """All rules as one Prometheus rule file."""
    groups = [{"name": "studyscope", "rules": [rule.to_prometheus() for rule in alert_rules()]}]
    return yaml.safe_dump({"groups": groups}, sort_keys=False, width=110, allow_unicode=True)


def write_rules(folder: Path) -> Path:
    """Writes the rule file into `folder` and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RULES_FILE
    path.write_text(rules_file(), encoding="utf-8")
    return path
