"""A hospital's clock is ahead: its reports are of a time that has not come yet."""

from __future__ import annotations

from studyscope_contract.catalogue import centre
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import SITE_PAGE, named, new_since

RULE = AlertRule(
    name="clock_skew",
    expr=named(new_since(centre.SITE_REFUSED_REPORTS.name, "1d", 'reason="in_future"')),
    hold="0s",
    audience="technical",
    title="The clock at {{ $labels.name }} is wrong",
    over="The clock at {{ $labels.name }} is right again",
    what="{{ $labels.name }} ({{ $labels.city }}) sent reports of a time that is more than an hour ahead. "
    "They wait there and are sent again; nothing is lost.",
    to_do="Site IT: run timedatectl (or date -u) on the exporter's machine and set up time synchronisation. "
    "Coordinator: nothing yet; call the site's IT when this mail comes a second time.",
    dashboard=SITE_PAGE,
)
