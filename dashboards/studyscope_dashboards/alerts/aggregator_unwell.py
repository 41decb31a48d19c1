"""The aggregator answers, but cannot do all of its work: store, registry or history."""

from __future__ import annotations

from studyscope_dashboards.rules import AlertRule

RULE = AlertRule(
    name="aggregator_unwell",
    expr="min by (instance) (studyscope_store_up) == 0 or min by (instance) (studyscope_registry_reload_success) == 0 "
    "or (min by (instance) (studyscope_history_up) == 0 and on (instance) studyscope_history_reports_behind > 0)",
    hold="30m",
    audience="technical",
    severity="critical",
    title="The centre's aggregator cannot do all of its work",
    over="The centre's aggregator does all of its work again",
    what="For half an hour {{ $labels.instance }} could not write its store, could not read its registry, or could not write "
    "history. Hospitals keep what is not taken.",
    to_do="Coordinator: /readyz of the aggregator says which of the three it is; the page of operations shows since when.",
    dashboard="/d/operations",
)
