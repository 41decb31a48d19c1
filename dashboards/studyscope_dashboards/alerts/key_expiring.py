"""The key with which a hospital signs its reports runs out soon."""

from __future__ import annotations

from studyscope_contract.catalogue import centre
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import SITE_PAGE, last, named

TOLD_BEFORE_DAYS = 60

RULE = AlertRule(
    name="key_expiring",
    expr=named(f"(max by (study, site) ({last(centre.SITE_KEY_EXPIRY.name)}) - time()) < {TOLD_BEFORE_DAYS} * 86400"),
    hold="0s",
    audience="technical",
    title="The signing key of {{ $labels.name }} expires soon",
    over="{{ $labels.name }} has a key that is valid for longer",
    what="The key with which {{ $labels.name }} ({{ $labels.city }}) signs its reports is valid for less than two months. "
    "After that day the centre refuses the hospital's reports.",
    to_do="Coordinator: ask the site's IT whether their key folder is still theirs alone, then run studyscope-aggregator "
    "sites prolong. Site IT: say so at once if somebody else may have had it.",
    dashboard=SITE_PAGE,
)
