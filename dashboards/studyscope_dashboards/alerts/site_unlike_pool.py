"""The volumes that a hospital finds are distributed unlike those of all hospitals together.

The measure is the largest distance between two cumulative distributions at edges that both publish
(Kolmogorov and Smirnov). How often it is wrong, and which shift it finds, is measured in
tests/dashboards/test_a_site_unlike_the_others_is_found.py.
"""

from __future__ import annotations

from studyscope_contract.catalogue import segmentation
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import LAST_KNOWN, SEGMENTATIONS, named

LEAST_DISTANCE, TIMES_USUAL = 0.1, 2
"""A hospital is told of when its distance exceeds the first and the second times that of the hospital in the middle."""
LEAST_PATIENTS = 200
LEAST_SITES = 4

METRIC = segmentation.STRUCTURE_VOLUME.metric
BUCKET = f"max by (study, site, structure, le) (last_over_time({METRIC}_bucket[{LAST_KNOWN}]))"
COUNT = f"max by (study, site, structure) (last_over_time({METRIC}_count[{LAST_KNOWN}]))"
SHARE = f"{BUCKET} / on (study, site, structure) group_left () {COUNT}"
POOLED_COUNT = f"sum by (study, structure, le) ({BUCKET} * 0 + on (study, site, structure) group_left () {COUNT})"
POOL = (
    f"(sum by (study, structure, le) ({BUCKET}) / {POOLED_COUNT} and count by (study, structure, le) ({BUCKET}) >= {LEAST_SITES})"
)
DISTANCE = f"max by (study, site, structure) (abs(({SHARE}) - on (study, structure, le) group_left () {POOL}))"
USUAL = f"quantile by (study, structure) (0.5, {DISTANCE})"
FAR = f"{DISTANCE} > on (study, structure) group_left () ({LEAST_DISTANCE} + {TIMES_USUAL} * {USUAL})"

RULE = AlertRule(
    name="site_unlike_pool",
    expr=named(f"round(100 * ({FAR})) and on (study, site, structure) ({COUNT} >= {LEAST_PATIENTS})", "structure"),
    hold="0s",
    keep="2d",
    audience="decision",
    title="Volumes of the {{ $labels.structure }} at {{ $labels.name }} are unlike those of the other sites",
    over="Volumes of the {{ $labels.structure }} at {{ $labels.name }} are like those of the other sites again",
    what="The volumes of the {{ $labels.structure }} at {{ $labels.name }} ({{ $labels.city }}) are distributed unlike those of "
    "all sites together: the share of its patients up to a certain volume differs by as much as {{ $value }} per cent points.",
    to_do="Study leads: look at the distributions side by side. Other patients, another protocol, or segmentations that are off "
    "systematically look the same from here; the site can tell them apart. "
    "Coordinator: nothing yet; the study leads decide whether to ask the site.",
    dashboard=SEGMENTATIONS,
)
