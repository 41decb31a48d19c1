"""Curves of a classifier from its two published score histograms: one of the positives, one of the negatives of the reference.

All are of the consortium's last known totals at the edges that every site with scores publishes; rounding makes them coarse.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import trend

from studyscope_contract.catalogue import classification
from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.coverage_line import coverage_line
from studyscope_dashboards.fields import colour_overrides, setting
from studyscope_dashboards.histograms import CLOSED, edges_of, matrix, named_in_legend, or_nobody
from studyscope_dashboards.palette import BLUE, GREY, ORANGE
from studyscope_dashboards.panels import curves, rows

POSITIVES, NEGATIVES = classification.SCORE_OF_POSITIVES, classification.SCORE_OF_NEGATIVES
EDGES = edges_of(POSITIVES)[:-1]
CHOSEN = 'classifier="$classifier"'
NOTHING = "No site publishes scores with a reference."
DASHED = setting("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})


def _up_to(table: Table, edge: str, *matchers: str) -> str:
    """Patients with a score of at most `edge`."""
    return f"sum({q.total(table, '', 'last_known', *matchers, f'le=~{_one(edge)}')})"


def _one(edge: str) -> str:
    return '"' + edge.replace(".", "[.]").replace("+", "[+]") + '"'


def _all(table: Table, *matchers: str) -> str:
    return _up_to(table, "+Inf", *matchers)


def _point(expr: str, x: float, line: str) -> str:
    return f'label_replace(label_replace({expr}, "x", "{x:g}", "", ""), "line", "{line}", "", "")'


def _drawn(panel: trend.Panel, points: list[str], x_name: str, colour_of: dict[str, str], dashed: str) -> trend.Panel:
    nobody = or_nobody(q.of_study(q.cell_series(POSITIVES), CHOSEN), "x", "line")
    inner = q.total(NEGATIVES, "", "last_known", CHOSEN, CLOSED)
    coarse = or_nobody(inner, "x", "line", "no edge of scores that all sites publish")
    covers = named_in_legend(coverage_line(classification.CLASSIFICATION_OUTCOME, CHOSEN), "x", "line")
    panel = (
        panel.no_value(NOTHING)
        .with_target(rows(" or ".join((*points, covers, f"(({coarse}) unless {nobody})", nobody))))
        .transformations(matrix("x", "line", x_name))
    )
    for name, properties in colour_overrides(colour_of):
        panel = panel.override_by_name(name, [*properties, *([DASHED] if name == dashed else [])])
    panel = panel.override_by_regexp("/ sites · /", [setting("color", {"mode": "fixed", "fixedColor": GREY})])
    return panel.override_by_name(x_name, [setting("unit", "none"), setting("custom.axisSoftMax", 1)]).axis_soft_max(100)


def calibration(panel_id: int, title: str, *matchers: str) -> trend.Panel:
    """Of those whose score lies in a tenth, how many the reference calls positive."""
    panel = curves(
        panel_id,
        title,
        "Of the patients whose score lies between an edge and the one before it, per cent that the reference calls positive; "
        "a calibrated classifier lies on the dashed line. All sites together.",
        "percent",
    )
    points, before = [], ""
    for edge in (*EDGES, "+Inf"):
        upper = 1.0 if edge == "+Inf" else float(edge)
        positive, negative = (_up_to(table, edge, *matchers) for table in (POSITIVES, NEGATIVES))
        if before:
            positive, negative = (
                f"({here} - {_up_to(table, before, *matchers)})" for table, here in ((POSITIVES, positive), (NEGATIVES, negative))
            )
        points.append(_point(f"100 * {positive} / ({positive} + {negative} > 0)", upper - 0.05, "seen"))
        points.append(_point(f"0 * {_all(POSITIVES, *matchers)} + {100 * (upper - 0.05):g}", upper - 0.05, "calibrated"))
        before = edge
    return _drawn(panel, points, "Score", {"seen": BLUE, "calibrated": GREY}, "calibrated")


def risk_and_coverage(panel_id: int, title: str, *matchers: str) -> trend.Panel:
    """What is wrong among those decided, when the least sure are left to people."""
    panel = curves(
        panel_id,
        title,
        "When only scores at least so far from one half are decided by the classifier: per cent of the patients that it decides "
        "(coverage), and per cent of these that it decides against the reference (risk). All sites together.",
        "percent",
    )
    everybody = f"({_all(POSITIVES, *matchers)} + {_all(NEGATIVES, *matchers)})"
    points = []
    for tenths in range(5):
        low, high = f"{(5 - tenths) / 10}", f"{(5 + tenths) / 10}"
        wrong = f"{_up_to(POSITIVES, low, *matchers)} + {_all(NEGATIVES, *matchers)} - {_up_to(NEGATIVES, high, *matchers)}"
        decided = (
            f"({everybody} + {_up_to(POSITIVES, low, *matchers)} + {_up_to(NEGATIVES, low, *matchers)}"
            f" - {_up_to(POSITIVES, high, *matchers)} - {_up_to(NEGATIVES, high, *matchers)})"
        )
        points.append(_point(f"100 * {decided} / {everybody}", tenths / 10, "coverage"))
        points.append(_point(f"100 * ({wrong}) / ({decided} > 0)", tenths / 10, "risk"))
    return _drawn(panel, points, "At least so far from one half", {"coverage": BLUE, "risk": ORANGE}, "risk")


def detected_and_false(panel_id: int, title: str, *matchers: str) -> trend.Panel:
    """The two halves of a ROC curve, over the threshold that gives them."""
    panel = curves(
        panel_id,
        title,
        "For each threshold: per cent of the positives whose score lies above it (sensitivity), and of the negatives whose score "
        "does not (specificity). All sites together.",
        "percent",
    )
    points = []
    for edge in EDGES:
        missed = f"{_up_to(POSITIVES, edge, *matchers)} / ({_all(POSITIVES, *matchers)} > 0)"
        points.append(_point(f"100 * (1 - {missed})", float(edge), "sensitivity"))
        spared = f"{_up_to(NEGATIVES, edge, *matchers)} / ({_all(NEGATIVES, *matchers)} > 0)"
        points.append(_point(f"100 * {spared}", float(edge), "specificity"))
    return _drawn(panel, points, "Threshold", {"sensitivity": BLUE, "specificity": ORANGE}, "specificity")
