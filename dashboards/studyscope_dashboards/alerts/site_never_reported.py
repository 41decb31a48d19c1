"""A hospital is a member of the study and has not sent one report. The study file says after how many grid points."""

from __future__ import annotations

from studyscope_contract.catalogue import centre
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import SITE_PAGE, last, sites_in

WAITED_TOO_LONG = (
    f"max by (study, site) ({last(centre.SITE_MISSED_GRID_POINTS.name)}) >= on (study) group_left () "
    f"max by (study) ({last(centre.NEVER_REPORTED_AFTER.name)})"
)

RULE = AlertRule(
    name="site_never_reported",
    expr=f"({sites_in('never_reported')}) and on (study, site) ({WAITED_TOO_LONG})",
    hold="0s",
    audience="everyone",
    title="{{ $labels.name }} has never reported",
    over="{{ $labels.name }} has sent its first report, or left the study",
    what="{{ $labels.name }} ({{ $labels.city }}) joined the study and has not sent a single report since.",
    to_do="Coordinator: ask the site how far contract, ethics, network and installation are. "
    "Study leads: decide whether the site's start date or its target has to change. "
    "Site IT: tell the coordinator which step you wait for; studyscope-exporter check says what the exporter still lacks.",
    dashboard=SITE_PAGE,
)
