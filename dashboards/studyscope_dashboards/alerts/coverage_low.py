"""Many of the sites whose numbers are known have dropped out of the current totals."""

from __future__ import annotations

from studyscope_contract.catalogue import centre, progress
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import last, threshold

SITES = centre.total_series(progress.PATIENTS)[3].name


def sites(total: str) -> str:
    of_total = f'total="{total}"'
    return f"max by (study) ({last(SITES, of_total)})"


RULE = AlertRule(
    name="coverage_low",
    expr=f"100 * {sites('current')} / ({sites('last_known')} >= 3) < {threshold('coverage_percent')}",
    hold="1h",
    audience="everyone",
    title="Few sites are in the current totals of {{ $labels.study }}",
    over="Enough sites are in the current totals of {{ $labels.study }} again",
    what='Of the sites of {{ $labels.study }} that have published numbers only {{ $value | printf "%.0f" }} % are in its '
    "current totals. The last known totals still hold all of them.",
    to_do="Coordinator: the consortium's page lists who is silent, paused or frozen; call those first who have most patients. "
    "Study leads: quote the last known totals, with their coverage, until this is over.",
    dashboard="/d/consortium?var-study={{ $labels.study }}",
)
