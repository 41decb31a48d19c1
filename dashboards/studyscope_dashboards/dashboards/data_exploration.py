"""What the study's images are: the distributions of modality, device, body region, sex, age and more."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build

from studyscope_contract.catalogue import imaging
from studyscope_contract.metric import Kind
from studyscope_dashboards.distributions import compared, compared_in_table, pooled, quantiles_by_site
from studyscope_dashboards.page import page, sites_variable, study_variable

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


def dashboard() -> build.Dashboard:
    built = page("data_exploration", "Data exploration", DESCRIPTION, [study_variable(), sites_variable()])
    for position, (subject, table) in enumerate(SUBJECTS):
        built = built.with_panel(pooled(10 + position, f"{subject}, all sites", table).span(10).height(9))
        title = f"{subject}, sites compared"
        if table.kind is Kind.MULTI:
            built = built.with_panel(compared_in_table(30 + position, title, table).span(14).height(9))
        else:
            built = built.with_panel(compared(30 + position, title, table).span(14).height(9))
    slices = quantiles_by_site(50, "Slice thickness, sites compared", imaging.SLICE_THICKNESS, "suffix: mm")
    fields = quantiles_by_site(51, "Field strength, sites compared", imaging.FIELD_STRENGTH, "suffix: T")
    return built.with_panel(slices.span(12)).with_panel(fields.span(12))
