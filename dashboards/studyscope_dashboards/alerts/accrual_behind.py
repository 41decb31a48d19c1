"""A hospital is behind its plan, also if its number is at its most and the largest batch still waits (design.md 7)."""

from __future__ import annotations

from studyscope_contract.catalogue import centre, progress
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import SITE_PAGE, last, named, sites_in, threshold


def of_site(name: str) -> str:
    return f"max by (study, site) ({last(name)})"


MOST = f"{of_site(progress.PATIENTS.metric)} + {of_site(centre.SITE_BASE.name)} / 2 + 2 * {of_site(centre.SITE_BATCH.name)}"
PLANNED = of_site(centre.SITE_TARGET_BY_NOW.name)
PERCENT = f"100 * ({MOST}) / {PLANNED}"
LONG_ENOUGH = f"{PLANNED} > 4 * {of_site(centre.SITE_THRESHOLD.name)}"

RULE = AlertRule(
    name="accrual_behind",
    expr=named(
        f"({PERCENT} < on (study) group_left () {threshold('behind_plan_percent')}) and on (study, site) ({LONG_ENOUGH}) "
        f"and on (study, site) ({sites_in('fresh', 'late')})"
    ),
    hold="3d",
    keep="2d",
    audience="decision",
    title="{{ $labels.name }} is behind its plan",
    over="{{ $labels.name }} is no longer clearly behind its plan",
    what='{{ $labels.name }} ({{ $labels.city }}) has at most {{ $value | printf "%.0f" }} % of the patients planned by now, '
    "even if every number is at its highest and the largest batch that can still be waiting is counted.",
    to_do="Study leads: ask the site what holds it up, and decide about its target or about help. "
    "Coordinator: look at the site's stages; images that wait to be transferred look the same from here.",
    dashboard=SITE_PAGE,
)
