"""A hospital has stopped reporting; its resolved mail says that it recovered."""

from __future__ import annotations

from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import LAST_REPORT_DAY, SITE_PAGE, sites_in, where_it_shows_numbers

NUMBERS = where_it_shows_numbers(
    f"{LAST_REPORT_DAY} Dashboards go on showing its last known numbers, marked with their age.",
    " All the reports that it had sent were taken back, so none of its numbers is shown or in a total until its next report.",
)

RULE = AlertRule(
    name="site_silent",
    expr=sites_in("silent"),
    hold="0s",
    audience="everyone",
    title="{{ $labels.name }} is silent",
    over="{{ $labels.name }} is no longer overdue",
    what="{{ $labels.name }} ({{ $labels.city }}) has not reported for several of its reporting days." + NUMBERS,
    to_do="Coordinator: call the site's IT; the longer it waits, the harder the cause is to find. "
    "Site IT: run studyscope-exporter status on the exporter's machine and follow the runbook. "
    "Study leads: do not read the missing progress as missing patients.",
    dashboard=SITE_PAGE,
)
