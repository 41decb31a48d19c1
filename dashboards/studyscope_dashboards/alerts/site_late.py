"""A hospital has missed some reports. Stays true while the hospital is silent, where it is inhibited:
otherwise "late" would be reported as resolved at the moment when things get worse."""

from __future__ import annotations

from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import LAST_REPORT, SITE_PAGE, sites_in

RULE = AlertRule(
    name="site_late",
    expr=sites_in("late", "silent"),
    hold="0s",
    audience="technical",
    severity="information",
    title="{{ $labels.name }} is late",
    over="{{ $labels.name }} is no longer overdue",
    what="{{ $labels.name }} ({{ $labels.city }}) has missed its last reports."
    + LAST_REPORT
    + " Its last numbers are still shown and nothing is lost: what it could not send is kept there and follows later.",
    to_do="Site IT: run studyscope-exporter status on the exporter's machine; it names what blocks the delivery. "
    "Everybody else: nothing yet.",
    dashboard=SITE_PAGE,
)
