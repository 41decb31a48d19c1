"""How well the study's algorithms do where there is a reference: overlap, distances, kinds of error, landmarks, classifiers."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import table

from studyscope_contract.catalogue import annotation, classification, landmarks, quality
from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.classifier import calibration, detected_and_false, risk_and_coverage
from studyscope_dashboards.confidence import reliability, risk_by_confidence
from studyscope_dashboards.cover import Covered, what_is_covered
from studyscope_dashboards.distributions import compared, compared_in_table, quantiles_by_site
from studyscope_dashboards.fields import by_site, shading, site_link_column
from studyscope_dashboards.histograms import heat_by_site
from studyscope_dashboards.page import choice, page, sites_variable, study_variable
from studyscope_dashboards.panels import grid, rows
from studyscope_dashboards.why_nothing import COLUMN, MOVED, with_status, with_words

DESCRIPTION = "How well the algorithms do where a second reading or a reference exists. A site without one says so."
STRUCTURE, LANDMARK, CLASSIFIER = 'structure="$structure"', 'landmark="$landmark"', 'classifier="$classifier"'

MEASURES = (
    ("$structure: overlap (Dice)", quality.STRUCTURE_DICE, "none", 2),
    ("$structure: surface within tolerance (NSD)", quality.STRUCTURE_SURFACE_DICE, "none", 2),
    ("$structure: distance of surfaces (HD95)", quality.STRUCTURE_HAUSDORFF, "suffix: mm", 1),
    ("$structure: difference of volumes", quality.STRUCTURE_VOLUME_DIFFERENCE, "percentunit", 0),
)


ANNOTATED = annotation.ANNOTATION_INTERACTION
LANDMARKS, CLASSIFIED = landmarks.LANDMARK_STATE, classification.CLASSIFICATION_RESULT


def dashboard() -> build.Dashboard:
    chosen = (
        choice("structure", "Structure", _per(quality.STRUCTURE_DICE)),
        choice("landmark", "Landmark", _per(LANDMARKS)),
        choice("classifier", "Classifier", _per(CLASSIFIED)),
    )
    built = page("quality", "Quality", DESCRIPTION, [study_variable(), sites_variable(), *chosen])
    for position, (title, table_, unit, decimals) in enumerate(MEASURES):
        panel = quantiles_by_site(1 + position, title, table_, unit, STRUCTURE)
        built = built.with_panel(panel.decimals(decimals).span(12))
    covered = [
        *(Covered(title, table_, (STRUCTURE,)) for title, table_, *_ in MEASURES),
        Covered("Kinds of error", quality.LABEL_NOISE),
        Covered("Annotation: what readers did", ANNOTATED),
        Covered("$landmark: found or missing", LANDMARKS, (LANDMARK,)),
        Covered("$classifier: agreement", classification.CLASSIFICATION_OUTCOME, (CLASSIFIER,)),
        Covered("$classifier: right or wrong", classification.CORRECTNESS, (CLASSIFIER,)),
    ]
    return (
        built.with_panel(
            heat_by_site(14, "$structure: overlap (Dice), distribution by site", quality.STRUCTURE_DICE, STRUCTURE).span(24)
        )
        .with_panel(compared_in_table(5, "Kinds of error in automatic results", quality.LABEL_NOISE).span(24).height(10))
        .with_panel(compared(6, "$landmark: found or missing", LANDMARKS, LANDMARK).span(10).height(10))
        .with_panel(within_radius(7).span(14).height(10))
        .with_panel(compared(8, "$classifier: decision", CLASSIFIED, CLASSIFIER).span(10).height(10))
        .with_panel(agreement(9).span(14).height(10))
        .with_panel(reliability(18, "$classifier: right decisions by confidence").span(8))
        .with_panel(risk_by_confidence(19, "$classifier: risk by confidence").span(8))
        .with_panel(detected_and_false(12, "$classifier: what each threshold gives", CLASSIFIER).span(8))
        .with_panel(compared(20, "$classifier: right or wrong", classification.CORRECTNESS, CLASSIFIER).span(24).height(9))
        .with_panel(compared_in_table(15, "Annotation: what readers did with the draft", ANNOTATED).span(24).height(10))
        .with_panel(heat_by_site(16, "Annotation: rounds, distribution by site", annotation.ANNOTATION_ROUNDS).span(12))
        .with_panel(heat_by_site(17, "Annotation: draft against final (Dice)", annotation.DRAFT_DICE).span(12))
        .with_panel(what_is_covered(13, covered).span(24))
        .with_row(score_curves())
    )


def score_curves() -> build.Row:
    """Closed, because they need score edges that all sites share, and sites join theirs."""
    return (
        build.Row("Classifier $classifier: calibration and risk from scores, where sites share their edges")
        .id(40)
        .collapsed(True)
        .with_panel(calibration(10, "$classifier: calibration", CLASSIFIER).span(12))
        .with_panel(risk_and_coverage(11, "$classifier: risk and coverage", CLASSIFIER).span(12))
    )


def within_radius(panel_id: int) -> table.Panel:
    """The cumulative buckets of the error are the success detection rate at each radius."""
    panel = grid(
        panel_id,
        "$landmark: per cent found within so many millimetres",
        "Success detection rate: share of the patients shown whose landmark lies within each radius of its reference.",
    )
    series = q.cell_series(landmarks.LANDMARK_ERROR)
    buckets, everybody = q.of_sites(series, LANDMARK, 'le!="+Inf"'), q.of_sites(series, LANDMARK, 'le="+Inf"')
    rate = f"100 * max by (site, le) ({buckets}) / on (site) group_left () max by (site) ({everybody})"
    radii = landmarks.LANDMARK_ERROR.dimensions[0].codes[:-1]
    return _shaded(panel.min_width(44), rate, "le", landmarks.LANDMARK_ERROR, radii, LANDMARK)


def agreement(panel_id: int) -> table.Panel:
    """Shares need both cells of their reference class; where one is hidden there is no number."""
    panel = grid(
        panel_id,
        "$classifier: agreement with the reference",
        "Sensitivity and specificity in per cent of the patients shown, from rounded counts: near small numbers they are coarse. "
        "No number where a site withholds one of the two counts.",
    )
    share = " or ".join(
        (_share("sensitivity", "true_positive", "false_negative"), _share("specificity", "true_negative", "false_positive"))
    )
    table_ = classification.CLASSIFICATION_OUTCOME
    return _shaded(panel, share, "measure", table_, ("sensitivity", "specificity"), CLASSIFIER)


def _share(name: str, right: str, wrong: str) -> str:
    share = f"100 * {_outcome(right)} / ({_outcome(right)} + {_outcome(wrong)})"
    return f'label_replace({share}, "measure", "{name}", "site", ".*")'


def _outcome(code: str) -> str:
    cell = q.of_sites(classification.CLASSIFICATION_OUTCOME.metric, CLASSIFIER, f'outcome="{code}"')
    return f"max by (site) ({cell})"


def _shaded(panel: table.Panel, cells: str, label: str, shown: Table, order: tuple[str, ...], *matchers: str) -> table.Panel:
    panel = panel.with_target(rows(with_status(cells, label, shown, *matchers)))
    panel = panel.transformations(by_site(label, (COLUMN, MOVED, *order)))
    panel = panel.override_by_field_type("number", shading(100, "–")).override_by_name(*site_link_column("Site"))
    return with_words(panel)


def _per(shown: Table) -> str:
    return f"label_values({q.of_study(q.cell_series(shown))}, {shown.per})"
