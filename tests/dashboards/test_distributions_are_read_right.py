"""What the pages compute from histograms and rows without a bar, asked of a real Prometheus with known numbers."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator

import pytest

from dashboards_cast import HIDDEN, SITES, consortium
from prometheus_server import Prometheus
from studyscope_contract.catalogue import TABLES, classification, imaging, progress, segmentation
from studyscope_contract.catalogue.subgroups import CORRECTNESS_BY_CONFIDENCE as CROSSING
from studyscope_contract.policy import PRESETS
from studyscope_dashboards.classifier import EDGES, calibration, risk_and_coverage
from studyscope_dashboards.confidence import reliability, risk_by_confidence
from studyscope_dashboards.cover import Covered, what_is_covered
from studyscope_dashboards.coverage_line import coverage_line, public_coverage_line
from studyscope_dashboards.dashboards.consortium import patients_bounds
from studyscope_dashboards.histograms import bucket_names, distance_from_pool, edges_of, shares_by_bucket
from studyscope_dashboards.look.variables import filled
from studyscope_dashboards.queries import total
from studyscope_dashboards.site_colours import site_styles
from studyscope_dashboards.why_nothing import WORDS, rows_without, status

pytestmark = pytest.mark.real

Rows = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with consortium(tmp_path_factory.mktemp("consortium")) as running:
        yield running


def asked(server: Prometheus, expr: str, *labels: str) -> Rows:
    found = server.query(filled(expr, {"study": "liver", "site": ".*", "classifier": "fibrosis"}), time.time())
    return {tuple(row["metric"].get(label, "") for label in labels): float(row["value"][1]) for row in found}


def test_shares_by_bucket_add_up_and_are_those_that_were_sent(server: Prometheus) -> None:
    """Every bucket of the cast's histograms holds the same number of patients."""
    table = imaging.SLICE_THICKNESS
    found = asked(server, shares_by_bucket(table), "site", "bucket")

    names = bucket_names(table)
    assert {bucket for _, bucket in found} == set(names.values())
    for site in ("berlin", "lyon", "madrid"):
        shares = [found[site, name] for name in names.values()]
        assert sum(shares) == pytest.approx(100)
        assert shares == pytest.approx([100 / len(names)] * len(names))


def test_sites_with_the_same_shape_are_not_unlike_the_pool(server: Prometheus) -> None:
    found = asked(server, distance_from_pool(segmentation.STRUCTURE_VOLUME, least_sites=3), "site", "structure")

    assert {site for site, _ in found} == {"berlin", "lyon", "madrid"}
    assert max(found.values()) == pytest.approx(0, abs=1e-9)


def test_a_bar_chart_names_every_site_without_a_bar_and_why(server: Prometheus) -> None:
    def without_a_bar(table: str) -> set[str]:
        label = TABLES[table].dimensions[0].label
        shown = f'count by (site, {label}) ({TABLES[table].metric}{{study="$study"}})'
        found = asked(server, rows_without(shown, label, "x", TABLES[table]), "site")
        return {site for site, value in ((*key, value) for key, value in found.items()) if math.isnan(value)}

    assert without_a_bar("vendor") == {"oslo · never reported"}
    assert without_a_bar("sex") == {"lyon · not offered", "oslo · never reported"}
    hidden = {f"{site} · under 15 or withheld" for site in ("berlin", "lyon", "madrid")}
    assert without_a_bar(HIDDEN) == hidden | {"oslo · never reported"}


def test_the_curves_of_a_classifier_follow_from_its_score_histograms(server: Prometheus) -> None:
    """The cast's positives and negatives have the same scores: half of each tenth is positive, and half is decided wrongly."""
    chosen = 'classifier="cirrhosis"'
    seen = asked(server, calibration(1, "t", chosen).build().targets[0].expr, "line", "x")
    decided = asked(server, risk_and_coverage(1, "t", chosen).build().targets[0].expr, "line", "x")

    assert [value for (line, _), value in seen.items() if line == "seen"] == pytest.approx([50] * (len(EDGES) + 1))
    assert [decided["coverage", x] for x in ("0", "0.1", "0.2", "0.3", "0.4")] == pytest.approx([100, 80, 60, 40, 20])
    assert [value for (line, _), value in decided.items() if line == "risk"] == pytest.approx([50] * 5)
    assert len(edges_of(classification.SCORE_OF_POSITIVES)) == len(EDGES) + 1


def test_reliability_and_risk_say_what_hidden_counts_leave_open(server: Prometheus) -> None:
    """In the cast as many are right in each of five bands as are wrong in the lowest; the other wrong ones are hidden."""
    points = asked(server, reliability(1, "t").build().targets[0].expr, "line", "x")
    lines = (asked(server, target.expr, "line", "x") for target in risk_by_confidence(1, "t").build().targets)
    curves = {key: value for line in lines for key, value in line.items()}
    (each,) = asked(server, f'sum({CROSSING.metric}{{correctness="wrong"}})').values()
    sites = asked(server, f"{CROSSING.metric}", "site").keys()
    hidden = len(sites) * (PRESETS["tens"].s - 1)

    assert {x: value for (line, x), value in points.items() if line == "right"} == {"0.55": pytest.approx(50)}
    assert [curves["coverage", x] for x in ("0", "0.6", "0.9")] == pytest.approx([100, 100 * 4 / 6, 100 / 6])
    assert [curves["risk, at least", x] for x in ("0", "0.9")] == pytest.approx([100 / 6, 0])
    most = (each + 4 * hidden) / (6 * each + 4 * hidden), hidden / (hidden + each)
    assert [curves["risk, at most", x] for x in ("0", "0.9")] == pytest.approx([100 * share for share in most])


def test_what_a_total_covers_is_of_the_sites_that_show_it(server: Prometheus) -> None:
    panel = what_is_covered(1, [Covered("Sex", imaging.SEX), Covered("Hidden", TABLES[HIDDEN])]).build()
    sites = asked(server, panel.targets[2].expr, "table")
    expected = asked(server, panel.targets[3].expr, "table")

    assert sites == {("Sex",): 2}
    assert expected == {("Sex",): len(SITES), ("Hidden",): len(SITES)}


def test_every_site_has_a_colour_whatever_its_code() -> None:
    patterns = [pattern.strip("/") for pattern, properties in site_styles() if properties[0].id_val == "color"]
    for code in ("berlin", "a", "zurich-2", *(f"{letter}x9" for letter in "abcdefghijklmnopqrstuvwxyz")):
        assert sum(bool(re.match(pattern, code)) for pattern in patterns) == 1, code


def test_a_total_says_of_how_many_sites_it_is_and_when_it_moved(server: Prometheus) -> None:
    """Berlin and Madrid show sexes, Lyon refuses them, Oslo never reported; the newest tables moved two days ago."""
    ((words,),) = asked(server, coverage_line(imaging.SEX), "covers")
    assert re.fullmatch(r"2/4 sites · [23] d", words)
    (public,) = asked(server, public_coverage_line(imaging.SEX), "covers")
    assert re.fullmatch(r"2/4 sites · \d+ d", public[0])


def test_a_coverage_line_counts_the_patients_of_its_cells(server: Prometheus) -> None:
    whole = asked(server, f"sum({total(imaging.SEX)})")
    assert list(asked(server, coverage_line(imaging.SEX), "covers").values()) == list(whole.values())
    (fullest,) = asked(server, f"max({total(imaging.MODALITY)})").values()
    assert list(asked(server, coverage_line(imaging.MODALITY), "covers").values()) == [fullest]


def test_exact_numbers_are_called_so(server: Prometheus) -> None:
    found = asked(server, status(progress.REACHED), "site")
    assert {site: WORDS.get(f"{number:g}") for (site,), number in found.items()} == {
        "berlin": "numbers",
        "lyon": "numbers",
        "madrid": "exact numbers",
        "oslo": "never reported",
    }


def test_an_upper_bound_that_nobody_knows_is_said_in_words(server: Prometheus) -> None:
    """Oslo never reported, so any number of patients can be there."""
    least, most, unknown = (target.expr for target in patients_bounds(1).build().targets)
    as_if_known = unknown.replace("_upper", "_lower")

    assert list(asked(server, least)) == [()]
    assert asked(server, most) == {}
    assert [math.isnan(number) for number in asked(server, unknown).values()] == [True]
    assert asked(server, as_if_known) == {}
