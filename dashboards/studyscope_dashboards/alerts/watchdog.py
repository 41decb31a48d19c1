"""Always fires: who stops hearing it knows that alerts do not arrive any more."""

from __future__ import annotations

from studyscope_dashboards.rules import AlertRule

RULE = AlertRule(
    name="watchdog",
    expr="vector(1)",
    hold="0s",
    audience="machine",
    severity="information",
    title="Alerts of this centre arrive",
    over="Alerts of this centre no longer arrive",
    what="This message says that Prometheus, Alertmanager and the mail server of the centre work.",
    to_do="Nobody: nothing. Whatever receives this raises the alarm when it stops coming.",
    dashboard="/d/operations",
)
