"""How segmentations turn out: structures present, missing or empty, their volumes, and how they were reviewed."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build

from studyscope_contract.catalogue import segmentation, subgroups
from studyscope_dashboards import queries as q
from studyscope_dashboards.by_subgroup import share_by_subgroup
from studyscope_dashboards.cover import Covered, what_is_covered
from studyscope_dashboards.distributions import compared, history_by_code, pooled, quantiles_by_site, share_of_codes
from studyscope_dashboards.histograms import cumulative_curves, heat_by_site, heat_over_time, sites_unlike_the_pool
from studyscope_dashboards.page import choice, page, sites_variable, study_variable

DESCRIPTION = "How the segmentations of the study's algorithm turn out, per structure and site."
BY_SUBGROUP = (
    subgroups.STRUCTURE_STATE_BY_SEX,
    subgroups.STRUCTURE_STATE_BY_AGE_BAND,
    subgroups.STRUCTURE_STATE_BY_VENDOR,
    subgroups.STRUCTURE_STATE_BY_REVIEW_STATE,
    subgroups.STRUCTURE_STATE_BY_SUBGROUP,
)
CHOSEN = 'structure="$structure"'


def dashboard() -> build.Dashboard:
    structures = f"label_values({q.of_study(segmentation.STRUCTURE_STATE.metric)}, structure)"
    variables = [study_variable(), sites_variable(), choice("structure", "Structure", structures)]
    state, volume = segmentation.STRUCTURE_STATE, segmentation.STRUCTURE_VOLUME
    covered = [
        Covered("$structure: present or missing", state, (CHOSEN,)),
        Covered("$structure: volume", volume, (CHOSEN,)),
        Covered("$structure: separate parts", segmentation.LESIONS, (CHOSEN,)),
        Covered("Review of segmentations", segmentation.REVIEW_STATE),
        Covered("Structures that the study does not name", segmentation.EXTRA_STRUCTURES),
    ]
    built = (
        page("segmentation_outcomes", "Segmentation outcomes", DESCRIPTION, variables)
        .with_panel(
            share_of_codes(1, "Share of segmentations without the structure", state, ("missing", "empty"), 50).span(24).height(10)
        )
        .with_panel(pooled(2, "$structure: present or missing, all sites", state, CHOSEN).span(8).height(9))
        .with_panel(compared(3, "$structure: present or missing, sites compared", state, CHOSEN).span(16).height(9))
        .with_panel(quantiles_by_site(4, "$structure: volume, sites compared", volume, "suffix: mL", CHOSEN).span(12))
        .with_panel(history_by_code(5, "$structure over time, chosen sites", state, CHOSEN).span(12))
        .with_panel(compared(6, "Review of segmentations, sites compared", segmentation.REVIEW_STATE).span(12))
        .with_panel(
            compared(7, "Structures that the study does not name, sites compared", segmentation.EXTRA_STRUCTURES).span(12)
        )
        .with_panel(
            quantiles_by_site(8, "$structure: separate parts, sites compared", segmentation.LESIONS, "none", CHOSEN).span(12)
        )
        .with_panel(cumulative_curves(9, "$structure: volume (mL), cumulative", volume, CHOSEN).span(12).height(9))
        .with_panel(heat_by_site(10, "$structure: volume (mL), distribution by site", volume, CHOSEN).span(24))
        .with_panel(
            heat_over_time(11, "$structure: volume, chosen sites over time", volume, "suffix: mL", CHOSEN).span(12).height(11)
        )
        .with_panel(
            sites_unlike_the_pool(12, "Sites whose volumes are unlike those of all", volume, "structure").span(12).height(11)
        )
    )
    return built.with_panel(what_is_covered(30, covered).span(24)).with_row(subgroups_row())


def subgroups_row() -> build.Row:
    """Closed, because most hospitals declare no such table."""
    row = build.Row("Outcome by subgroup, where hospitals declare it").id(40).collapsed(True)
    for position, crossing in enumerate(BY_SUBGROUP):
        title = f"$structure: missing or empty, by {crossing.dimensions[-1].label.replace('_', ' ')}"
        panel = share_by_subgroup(20 + position, title, crossing, ("missing", "empty"), CHOSEN)
        row = row.with_panel(panel.span(12).height(10))
    return row
