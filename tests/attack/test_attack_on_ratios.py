"""T9: every ratio on every page is one of published numbers, and says no more than they do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from attacking.hospital import lived
from attacking.on_ratios import Ratios, found_behind, fractions, quotients
from attacking.people import Life
from dashboards_cast import consortium
from studyscope_contract.policy import Policy
from studyscope_dashboards.checks.expressions import ANYTHING, OF_PROMETHEUS, known_series
from studyscope_dashboards.look.answers import FromPrometheus, Span
from studyscope_dashboards.look.variables import choices, filled
from studyscope_dashboards.look.walk import panels
from studyscope_dashboards.page import pages_as_read
from studyscope_dashboards.rules import alert_rules

PAGES = tuple(pages_as_read().values())
TENS = Policy().parameters
LIVES = (Life(1), Life(3, weeks=60, leaving=0.15), Life(8, weeks=24))


def of_alerts() -> list[str]:
    return [rule.expr for rule in alert_rules()]


def of_page(page: Mapping[str, Any], chosen: Mapping[str, str]) -> list[str]:
    return [filled(target["expr"], chosen) for panel in panels(page) for target in panel["targets"]]


def test_t9_both_sides_of_every_division_are_published_series() -> None:
    pages = [of_page(page, {one["name"]: ".*" for one in page["templating"]["list"]} | ANYTHING) for page in PAGES]
    found = list(quotients([*of_alerts(), *(expr for page in pages for expr in page)]))
    assert len(found) > 20
    assert not [one.whole for one in found if not one.series <= known_series() - OF_PROMETHEUS]


def test_t9_a_ratio_finds_nobody_whom_the_published_numbers_hide() -> None:
    histories = [lived(life, seed, Policy()) for life in LIVES for seed in range(2)]
    published = sum((found_behind(history, TENS, exactly=False) for history in histories), Ratios())
    assert published.read > 200
    assert published.found == 0


def test_t9_control_a_ratio_of_true_numbers_gives_both_of_them() -> None:
    histories = [lived(life, seed, Policy()) for life in LIVES for seed in range(2)]
    exact = sum((found_behind(history, TENS, exactly=True) for history in histories), Ratios())
    assert exact.found / exact.read > 0.5
    assert {below for _, below in fractions(6 / 7, 30)} == {7, 14, 21, 28}
    assert {below for _, below in fractions(0.1304, 50)} == {23, 46}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        consortium(tmp_path_factory.mktemp("consortium")) as running,
        httpx.Client(base_url=running.url, timeout=60, trust_env=False) as client,
    ):
        yield client


@pytest.mark.real
def test_t9_every_ratio_that_a_real_prometheus_gives_is_the_quotient_of_what_it_holds(client: httpx.Client) -> None:
    now, answers, exprs = time.time(), FromPrometheus(client), of_alerts()
    for page in PAGES:
        span = Span(now - 90 * 86400, now)
        exprs += of_page(page, choices(page, answers, span, {})[0])
    compared = 0
    for one in dict.fromkeys(quotients(exprs)):
        ratios, above, below = (values(client, expr, now) for expr in (one.whole, one.above, one.below))
        assert {f"{ratio:.10g}" for ratio in ratios} <= {f"{n / d:.10g}" for n in above for d in below if d}, one.whole
        compared += len(ratios)
    assert compared > 50


def values(client: httpx.Client, expr: str, at: float) -> set[float]:
    """The values of an instant vector, or of a number."""
    data = client.post("/api/v1/query", data={"query": expr, "time": str(at)}).raise_for_status().json()["data"]
    found = [data["result"]] if data["resultType"] == "scalar" else [series["value"] for series in data["result"]]
    return {value for _, text in found if (value := float(text)) == value}
