"""Prometheus cannot read the aggregator: nobody sees new numbers, and no hospital is to blame."""

from __future__ import annotations

from studyscope_dashboards.prometheus import PUBLISHED_JOB
from studyscope_dashboards.rules import AlertRule

UP = f'up{{job="{PUBLISHED_JOB}"}}'

RULE = AlertRule(
    name="aggregator_down",
    expr=f"max({UP}) == 0 or sum(absent({UP}))",
    hold="15m",
    audience="technical",
    severity="critical",
    title="The centre's aggregator does not answer",
    over="The centre's aggregator answers again",
    what="Prometheus has not been able to read the aggregator for 15 minutes. Dashboards show no new numbers. "
    "Hospitals keep their reports and send them when the aggregator is back.",
    to_do="Coordinator: look at the aggregator's log on the centre's machine and at its /readyz, then follow the runbook.",
    dashboard="/d/operations",
)
