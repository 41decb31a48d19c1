"""How patients are followed against the protocol, and whether what the study asks for is there."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build

from studyscope_contract.catalogue import completeness, follow_up
from studyscope_dashboards.cover import Covered, what_is_covered
from studyscope_dashboards.distributions import compared_in_table, history_by_code, share_of_codes
from studyscope_dashboards.histograms import cumulative_curves, heat_by_site
from studyscope_dashboards.page import choice, page, sites_variable, study_variable
from studyscope_dashboards.queries import of_study

DESCRIPTION = (
    "Time points of the protocol, what became of lesions, and attributes and clinical variables that are there or missing."
)
CHOSEN = 'time_point="$time_point"'
POINTS, INTERVAL, LESIONS = follow_up.TIME_POINT_STATE, follow_up.FOLLOW_UP_INTERVAL, follow_up.LESION_CHANGE
ATTRIBUTES, VARIABLES = completeness.ATTRIBUTE_COMPLETENESS, completeness.VARIABLE_COMPLETENESS
COVERED = (
    Covered("Time point $time_point", POINTS, (CHOSEN,)),
    Covered("Days between time points", INTERVAL),
    Covered("What became of lesions", LESIONS),
)


def dashboard() -> build.Dashboard:
    time_point = choice("time_point", "Time point", f"label_values({of_study(POINTS.metric)}, time_point)")
    return (
        page("follow_up", "Follow-up and completeness", DESCRIPTION, [study_variable(), sites_variable(), time_point])
        .with_panel(share_of_codes(1, "Time points with images", POINTS, ("seen",), 100).span(12))
        .with_panel(share_of_codes(2, "Time points whose window passed without images", POINTS, ("missing",), 50).span(12))
        .with_panel(history_by_code(3, "Time point $time_point, chosen sites over time", POINTS, CHOSEN).span(12).height(10))
        .with_panel(compared_in_table(4, "What became of lesions", LESIONS).span(12))
        .with_panel(heat_by_site(5, "Days between the last two time points, sites compared", INTERVAL).span(14))
        .with_panel(cumulative_curves(6, "Days between the last two time points, cumulative", INTERVAL).span(10))
        .with_panel(share_of_codes(7, "DICOM attributes that are missing", ATTRIBUTES, ("missing",), 50).span(12))
        .with_panel(share_of_codes(8, "DICOM attributes that no code stands for", ATTRIBUTES, ("not_mapped",), 50).span(12))
        .with_panel(share_of_codes(9, "Clinical variables that are missing", VARIABLES, ("missing",), 50).span(12))
        .with_panel(share_of_codes(10, "Clinical variables that no code stands for", VARIABLES, ("not_mapped",), 50).span(12))
        .with_panel(what_is_covered(11, COVERED).span(24))
    )
