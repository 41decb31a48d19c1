"""What an alert rule is, and the rule files that Prometheus reads."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from studyscope_dashboards import alerts
from studyscope_dashboards.held_alerts import outside_downtimes
from studyscope_dashboards.quiet_hours import QuietHours

Audience = Literal["technical", "decision", "everyone", "machine"]
"""technical: site IT and coordinator; decision: study leads and coordinator; everyone: all of them; machine: nobody reads it."""

RULES_FILE = "studyscope.rules.yml"


@dataclass(frozen=True)
class AlertRule:
    """One alert, worded for people: what happened, what follows, what to do.

    `to_do` names who is meant, as in "Coordinator: call the site. Study leads: decide about the target."
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
    keep: str = ""  # how long it goes on after `expr` ended: a value that vanished has not become better

    @property
    def is_about_a_site(self) -> bool:
        return "$labels.name" in self.title

    @property
    def recorded(self) -> str:
        """The series that holds `expr` as it is now, whether or not anybody is told yet."""
        return f"studyscope:{self.name}"

    def recording(self) -> dict[str, Any]:
        """What is looked at several times is evaluated once; it comes before the alert in its group."""
        return {"record": self.recorded, "expr": self.expr}

    def to_prometheus(self, quiet: QuietHours | None = None) -> dict[str, Any]:
        waits = quiet is not None and self.severity != "critical"
        expr = outside_downtimes(self.name, self.recorded) if self.is_about_a_site else self.recorded
        return {
            "alert": self.name,
            "expr": quiet.outside(self.name, expr) if quiet is not None and waits else expr,
            "for": self.hold,
            **({"keep_firing_for": self.keep} if self.keep else {}),
            "labels": {"audience": self.audience, "severity": self.severity},
            "annotations": {
                "title": self.title,
                "over": self.over,
                "what": self.what,
                "to_do": self.to_do,
                **_by_role(self.to_do),
                "dashboard": self.dashboard,
                "runbook": f"runbooks.html#{self.name}",
            },
        }


_ROLES = {"Coordinator": "coordinator", "Study leads": "leads", "Site IT": "site_it", "Everybody else": "others"}
"""How `to_do` names who is meant, and the annotation in which a mail finds it apart."""


def _by_role(to_do: str) -> dict[str, str]:
    parts = re.split(rf"(?:^|(?<=\.) )({'|'.join(_ROLES)}): ", to_do)
    return {f"to_do_{_ROLES[role]}": text for role, text in zip(parts[1::2], parts[2::2], strict=True)}


def alert_rules() -> tuple[AlertRule, ...]:
    """Every rule in `alerts/`, by name."""
    found = []
    for module in pkgutil.iter_modules(alerts.__path__):
        rule = importlib.import_module(f"{alerts.__name__}.{module.name}").RULE
        if not isinstance(rule, AlertRule) or rule.name != module.name:
            raise TypeError(f"alerts/{module.name}.py must hold RULE, an AlertRule named {module.name!r}")
        found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.name))


def rules_file(quiet: QuietHours | None = None) -> str:
    """All rules as one Prometheus rule file; in `quiet` hours nothing begins or ends but what is critical."""
    rules = [made for rule in alert_rules() for made in (rule.recording(), rule.to_prometheus(quiet))]
    groups = [{"name": "studyscope", "rules": rules}]
    return yaml.safe_dump({"groups": groups}, sort_keys=False, width=110, allow_unicode=True)


def write_rules(folder: Path, quiet: QuietHours | None = None) -> Path:
    """Writes the rule file into `folder` and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RULES_FILE
    path.write_text(rules_file(quiet), encoding="utf-8")
    return path
