"""A source at a hospital could not be read at any grid point of the last two days."""

from __future__ import annotations

from studyscope_contract.catalogue import centre
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import SITE_PAGE, named

UP = f"max by (study, site, kind) (max_over_time({centre.SITE_SOURCE_UP.name}[2d]))"

RULE = AlertRule(
    name="source_down",
    expr=named(f"{UP} == 0", "kind"),
    hold="0s",
    audience="technical",
    title="{{ $labels.name }} cannot read its source {{ $labels.kind }}",
    over="{{ $labels.name }} reads its source {{ $labels.kind }} again",
    what="For two days {{ $labels.name }} ({{ $labels.city }}) could not read its source {{ $labels.kind }}. "
    "What was counted before stays; nothing new comes in from there.",
    to_do="Site IT: run studyscope-exporter check on the exporter's machine; it says which source, why, and what to do. "
    "Coordinator: nothing yet; call the site's IT when this mail comes a second time.",
    dashboard=SITE_PAGE,
)
