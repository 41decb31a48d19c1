"""The centre refused a report of a hospital within the last day; the reason says whose turn it is."""

from __future__ import annotations

from studyscope_contract.catalogue import centre
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import SITE_PAGE, named, new_since

NO_SKEW = 'reason!="in_future"'

RULE = AlertRule(
    name="report_refused",
    expr=named(new_since(centre.SITE_REFUSED_REPORTS.name, "1d", NO_SKEW)),
    hold="0s",
    audience="technical",
    title="The centre refused reports of {{ $labels.name }}",
    over="No report of {{ $labels.name }} was refused for a day",
    what="Reports of {{ $labels.name }} ({{ $labels.city }}) that were refused within the last day: {{ $value }}. "
    "They are kept at the hospital; its numbers on the dashboards do not move until this is mended.",
    to_do="Site IT: run studyscope-exporter status on the exporter's machine; it shows the centre's answer in words. "
    "Coordinator: the site's page shows the reason; an unknown or expired key is yours to accept.",
    dashboard=SITE_PAGE,
)
