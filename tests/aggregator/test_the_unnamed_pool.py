"""How the sites' numbers are spread, without their names: on /metrics, on the page, and for whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aggregator_cast import Centre, StandingClock, a_report, a_table, served
from studyscope_aggregator.access.held_query import QueryHolder
from studyscope_aggregator.access.query_text import QueryRefused
from studyscope_aggregator.access.role import Scope
from studyscope_aggregator.app import create_app
from studyscope_aggregator.stores.memory import MemoryStore

SHOWN = {"berlin": 20, "bergen": 90, "lyon": 40, "oslo": 30, "madrid": 60}


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path / "registry", (*SHOWN, "paris"))


@pytest.fixture
def client(centre: Centre) -> Iterator[httpx.Client]:
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        for site, shown in SHOWN.items():
            tables = (a_table(cells={(): shown}), *((a_table("sex", {("F",): 20}),) if site != "lyon" else ()))
            assert (
                client.post("/api/v1/reports", content=centre.signed(a_report(site, tables=tables)).to_bytes()).status_code == 201
            )
        yield client


def test_the_quartiles_are_numbers_of_sites_and_name_none(client: httpx.Client) -> None:
    found = re.findall(r'study_pool_patients\{study="liver",quantile="([^"]+)"\} (\d+)', client.get("/metrics").text)

    assert found == [("0.25", "30"), ("0.5", "40"), ("0.75", "60")]
    assert "a quarter has at most 30, half at most 40, three quarters at most 60" in client.get("/").text


def test_four_sites_are_no_pool(client: httpx.Client) -> None:
    page = client.get("/metrics").text

    assert 'study_consortium_patients_by_sex_sites{study="liver",total="last_known",sex="F"} 4' in page
    assert "study_pool_patients_by_sex" not in page


def test_a_site_may_ask_for_the_pool_and_the_public_may_not() -> None:
    studies = frozenset({"liver"})
    held = QueryHolder(Scope("site", studies, frozenset({"berlin"}))).query("study_pool_patients")
    assert "site" not in held
    with pytest.raises(QueryRefused, match="only totals"):
        QueryHolder(Scope("public", studies)).query("study_pool_patients")
