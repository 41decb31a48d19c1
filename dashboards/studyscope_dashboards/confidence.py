"""Reliability and risk of a classifier from the declared crossing of right decisions and confidence.

Both use the cells of single sites: a count that a site withholds lies under its threshold, and is taken for
nobody where the risk shall be at least so much, for as many as can be where it shall be at most so much.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import trend

from studyscope_contract.catalogue import centre
from studyscope_contract.catalogue.subgroups import CORRECTNESS_BY_CONFIDENCE as CROSSING
from studyscope_dashboards import queries as q
from studyscope_dashboards.classifier import CHOSEN, DASHED
from studyscope_dashboards.coverage_line import coverage_line
from studyscope_dashboards.fields import colour_overrides, setting
from studyscope_dashboards.histograms import matrix, named_in_legend, or_nobody
from studyscope_dashboards.palette import BLUE, GREY, ORANGE
from studyscope_dashboards.panels import curves, rows

MIDDLES = {"0-0.6": 0.55, "0.6-0.7": 0.65, "0.7-0.8": 0.75, "0.8-0.9": 0.85, "0.9-1": 0.95}
"""Where a band is drawn; the lowest one as of two classes, of which the one decided on has one half or more."""
BANDS = tuple(MIDDLES)
NOTHING = "A study publishes this of classifiers that it names so (published: calibration), and a hospital declares it."


def reliability(panel_id: int, title: str) -> trend.Panel:
    """Of those in a band of confidence, how many are decided right."""
    panel = curves(
        panel_id,
        title,
        "Reliability diagram: of the patients in a band of confidence, per cent whose decision is right; a calibrated classifier "
        "lies on the dashed line, an overconfident one under it. Of the sites that show both counts of the band.",
        "percent",
    )
    points = []
    for band, middle in MIDDLES.items():
        right, wrong = _cells("right", band), _cells("wrong", band)
        both = f"sum({right} and {wrong})"
        points.append(_point(f"100 * {both} / ({both} + sum({wrong} and {right}))", middle, "right"))
        points.append(_point(f"0 * {both} + {100 * middle:g}", middle, "calibrated"))
    return _drawn(panel, [points], "Confidence", {"right": BLUE, "calibrated": GREY}, ("calibrated",))


def risk_by_confidence(panel_id: int, title: str) -> trend.Panel:
    """What is wrong among those decided, when the least sure are left to people."""
    panel = curves(
        panel_id,
        title,
        "Risk and coverage: when only decisions of at least this confidence are left to the classifier, per cent of the patients "
        "that these are (coverage), and per cent of them that it decides wrong (risk), at least and at most: where a site "
        "withholds a count, it may be nobody or all that its threshold allows.",
        "percent",
    )
    coverage, at_least, at_most = [], [], []
    everybody = f"({_few('right', *BANDS)} + {_few('wrong', *BANDS)})"
    for first, band in enumerate(BANDS):
        kept, least = BANDS[first:], float(band.split("-")[0])
        decided = f"({_few('right', *kept)} + {_few('wrong', *kept)})"
        coverage.append(_point(f"100 * {decided} / {everybody}", least, "coverage"))
        at_least.append(_point(_risk(_few("wrong", *kept), _many("right", *kept)), least, "risk, at least"))
        at_most.append(_point(_risk(_many("wrong", *kept), _few("right", *kept)), least, "risk, at most"))
    colours = {"coverage": BLUE, "risk, at least": ORANGE, "risk, at most": ORANGE}
    return _drawn(panel, [coverage, at_least, at_most], "Confidence of at least", colours, ("risk, at least", "risk, at most"))


def _risk(wrong: str, right: str) -> str:
    return f"100 * {wrong} / ({wrong} + {right} > 0)"


def _few(code: str, *bands: str) -> str:
    """Patients in these bands, withheld counts as nobody."""
    return f"sum({_cells(code, *bands)} or 0 * {_cells(_other(code), *bands)})"


def _many(code: str, *bands: str) -> str:
    """Patients in these bands, withheld counts as the most that the site's threshold allows."""
    threshold = f"max by (site) ({q.of_sites(centre.SITE_THRESHOLD.name)})"
    withheld = f"0 * {_cells(_other(code), *bands)} + on (site) group_left () {threshold} - 1"
    return f"sum({_cells(code, *bands)} or {withheld})"


def _other(code: str) -> str:
    (other,) = set(CROSSING.dimensions[0].codes) - {code}
    return other


def _cells(code: str, *bands: str) -> str:
    chosen = "|".join(bands).replace(".", "[.]")
    matchers = CHOSEN, f'correctness="{code}"', f'confidence=~"{chosen}"'
    return f"max by (site, confidence) ({q.of_sites(CROSSING.metric, *matchers)})"


def _point(expr: str, x: float, line: str) -> str:
    return f'label_replace(label_replace({expr}, "x", "{x:g}", "", ""), "line", "{line}", "", "")'


def _drawn(
    panel: trend.Panel, lines: Sequence[Sequence[str]], x_name: str, colour_of: dict[str, str], dashed: tuple[str, ...]
) -> trend.Panel:
    """`lines` are asked apart: in one query they would be longer than the centre takes."""
    nobody = or_nobody(q.of_study(CROSSING.metric, CHOSEN), "x", "line", "no site declares it")
    covers = named_in_legend(coverage_line(CROSSING, CHOSEN), "x", "line")
    first, *others = lines
    panel = panel.no_value(NOTHING).with_target(rows(" or ".join((*first, covers, nobody))))
    for ref, points in zip("BCDEF", others, strict=False):
        panel = panel.with_target(rows(" or ".join(points), ref))
    panel = panel.transformations(matrix("x", "line", x_name, queries=len(lines)))
    for name, properties in colour_overrides(colour_of):
        panel = panel.override_by_name(name, [*properties, *([DASHED] if name in dashed else [])])
    panel = panel.override_by_regexp("/ sites · /", [setting("color", {"mode": "fixed", "fixedColor": GREY})])
    return panel.override_by_name(x_name, [setting("unit", "none"), setting("custom.axisSoftMax", 1)]).axis_soft_max(100)
