"""Images that the protocol expected by now are missing for many patients of a hospital."""

from __future__ import annotations

from studyscope_contract.catalogue import follow_up
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import last, named, threshold

METRIC = follow_up.TIME_POINT_STATE.metric
MISSED, DUE_BY_NOW = 'state="missing"', 'state=~"seen|missing"'
BY = "sum by (study, site, time_point)"
MISSING = f"{BY} ({last(METRIC, MISSED)})"
DUE = f"{BY} ({last(METRIC, DUE_BY_NOW)})"
"""Patients for whom the window of the time point has passed, or who were seen in it; those not yet due say nothing."""

SHARE = (
    f"(round(100 * {MISSING} / {DUE}) > on (study) group_left () {threshold('missing_images_percent')}) "
    f"and on (study, site, time_point) ({DUE} >= on (study) group_left () {threshold('least_patients')})"
)

RULE = AlertRule(
    name="expected_images_missing",
    expr=named(SHARE, "time_point"),
    hold="0s",
    keep="2d",
    audience="everyone",
    title="Images of {{ $labels.time_point }} are missing at {{ $labels.name }}",
    over="Fewer images of {{ $labels.time_point }} are missing at {{ $labels.name }}",
    what="At {{ $labels.name }} ({{ $labels.city }}) about {{ $value }} % of the patients whose time for "
    "{{ $labels.time_point }} has come or passed have no images of it.",
    to_do="Study leads: ask the site whether patients do not come or images do not arrive, and whether the window of the "
    "protocol fits. Site IT: run studyscope-exporter cases missing to see who is expected and has no images here; look "
    "whether they are in the archive and not yet transferred. "
    "Coordinator: nothing yet; what the site answers is for the study leads.",
    dashboard="/d/follow_up?var-study={{ $labels.study }}&var-site={{ $labels.site }}&var-time_point={{ $labels.time_point }}",
)
