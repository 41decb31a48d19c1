"""A structure is missing in many segmentations of a hospital."""

from __future__ import annotations

from studyscope_contract.catalogue import segmentation
from studyscope_dashboards.rules import AlertRule
from studyscope_dashboards.site_rules import SEGMENTATIONS, high_share, named

SHARE = high_share(segmentation.STRUCTURE_STATE.metric, 'state="missing"', "structure", "missing_structure_percent")

RULE = AlertRule(
    name="structures_missing",
    expr=named(SHARE, "structure"),
    hold="0s",
    keep="2d",
    audience="decision",
    title="Segmentations of {{ $labels.name }} often lack the {{ $labels.structure }}",
    over="Fewer segmentations of {{ $labels.name }} lack the {{ $labels.structure }}",
    what="At {{ $labels.name }} ({{ $labels.city }}) the {{ $labels.structure }} is missing in the segmentations of about "
    "{{ $value }} % of the segmented patients.",
    to_do="Study leads: look whether other sites miss it too (then it is the model) or only this one (then it is its images or "
    "its protocol). Coordinator: tell the site's IT that studyscope-exporter cases empty shows them which cases.",
    dashboard=SEGMENTATIONS,
)
