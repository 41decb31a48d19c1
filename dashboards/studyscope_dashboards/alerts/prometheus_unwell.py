"""Prometheus itself: rules that fail, or mails that do not reach Alertmanager."""

from __future__ import annotations

from studyscope_dashboards.rules import AlertRule

RULE = AlertRule(
    name="prometheus_unwell",
    expr="sum by (instance) (increase(prometheus_rule_evaluation_failures_total[15m])) > 0 "
    "or sum by (instance) (increase(prometheus_notifications_errors_total[15m])) > 0 "
    "or sum by (instance) (increase(prometheus_tsdb_wal_corruptions_total[1h])) > 0",
    hold="15m",
    audience="technical",
    severity="critical",
    title="Prometheus has trouble",
    over="Prometheus works again",
    what="Prometheus at {{ $labels.instance }} could not evaluate rules, could not reach Alertmanager, or found damaged data. "
    "While this lasts mails may be missing.",
    to_do="Coordinator: look at the log of Prometheus and at the free space of its volume.",
    dashboard="/d/operations",
)
