"""What the study's images are: the distributions of modality, device, body region, sex, age and more."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build

from studyscope_contract.catalogue import imaging
from studyscope_contract.metric import Kind
from studyscope_dashboards.cover import Covered, what_is_covered
from studyscope_dashboards.distributions import compared, compared_in_table, pooled
from studyscope_dashboards.histograms import cumulative_curves, heat_by_site
from studyscope_dashboards.page import page, sites_variable, study_variable
from studyscope_dashboards.sums import sum_of_all, sums_by_site

DESCRIPTION = "What was imaged, with what, and whom: all sites together, and sites compared as shares of what each shows."

SUBJECTS = (
    ("Modality", imaging.MODALITY),
    ("Vendor", imaging.VENDOR),
    ("Body region", imaging.BODY_PART),
    ("Sex", imaging.SEX),
    ("Age", imaging.AGE_BAND),
    ("Acquisition year", imaging.ACQUISITION_YEAR),
    ("Device family", imaging.MODEL_CLASS),
    ("MR sequence", imaging.MR_SEQUENCE),
    ("Side", imaging.LATERALITY),
    ("Identity removed", imaging.IDENTITY_REMOVED),
    ("Text burned into the pixels", imaging.BURNED_IN),
)

SUMS = (("Imaging studies", imaging.STUDIES), ("Image series", imaging.SERIES))


def dashboard() -> build.Dashboard:
    built = page("data_exploration", "Data exploration", DESCRIPTION, [study_variable(), sites_variable()])
    for position, (subject, table) in enumerate(SUBJECTS):
        built = built.with_panel(pooled(10 + position, f"{subject}, all sites", table).span(10).height(10))
        title = f"{subject}, sites compared"
        if table.kind is Kind.MULTI:
            built = built.with_panel(compared_in_table(30 + position, title, table).span(14).height(10))
        else:
            built = built.with_panel(compared(30 + position, title, table).span(14).height(10))
    slices, fields = imaging.SLICE_THICKNESS, imaging.FIELD_STRENGTH
    covered = [Covered(subject, table) for subject, table in (*SUBJECTS, ("Slice thickness", slices), ("Field strength", fields))]
    return (
        built.with_panel(heat_by_site(50, "Slice thickness (mm), sites compared", slices).span(14).height(10))
        .with_panel(cumulative_curves(51, "Slice thickness (mm), cumulative", slices).span(10).height(10))
        .with_panel(heat_by_site(52, "Field strength (T), sites compared", fields).span(24).height(10))
        .with_panel(sum_of_all(60, "Imaging studies, all sites", imaging.STUDIES).span(7).height(9))
        .with_panel(sum_of_all(61, "Image series, all sites", imaging.SERIES).span(7).height(9))
        .with_panel(sums_by_site(62, "Imaging studies and series, by site", SUMS).span(10).height(9))
        .with_panel(what_is_covered(54, covered).span(24))
    )
