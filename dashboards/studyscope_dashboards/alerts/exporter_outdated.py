"""A hospital's exporter is of an older minor release than the centre."""

from __future__ import annotations

from studyscope_contract.catalogue import centre
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import SITE_PAGE, last, named

RULE = AlertRule(
    name="exporter_outdated",
    expr=named(f"max by (study, site) ({last(centre.SITE_EXPORTER_OUTDATED.name)}) == 1"),
    hold="14d",
    audience="technical",
    severity="information",
    title="The exporter at {{ $labels.name }} can be updated",
    over="The exporter at {{ $labels.name }} is up to date",
    what="{{ $labels.name }} ({{ $labels.city }}) has run an older release than the centre for two weeks. "
    "Its reports are still accepted; newer tables are missing from them.",
    to_do="Site IT: update the exporter as docs/upgrade.md says; state and settings stay. "
    "Coordinator: nothing yet; call the site's IT when this mail comes a second time.",
    dashboard=SITE_PAGE,
)
