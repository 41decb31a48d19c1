"""Every dashboard, read as Grafana reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest

from studyscope_contract.catalogue import TABLES, centre
from studyscope_contract.metric import Kind
from studyscope_dashboards.page import all_dashboards, dashboard_json

PAGES: dict[str, dict[str, Any]] = {uid: json.loads(dashboard_json(page)) for uid, page in all_dashboards().items()}

OF_PROMETHEUS = {"up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS"}
IN_GRAFANA = {"$study": "liver-ct", "$site": ".*", "$structure": "liver", "$workflow": "totalseg"}


def panels(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in page["panels"]:
        yield panel
        yield from panel.get("panels") or []


def drawn(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in panels(page) if panel["type"] != "row"]


ALL = [pytest.param(panel, id=f"{uid}-{panel['id']}") for uid, page in PAGES.items() for panel in drawn(page)]
EXPRESSIONS = [
    pytest.param(target["expr"], id=f"{uid}-{panel['id']}-{target['refId']}")
    for uid, page in PAGES.items()
    for panel in drawn(page)
    for target in panel.get("targets") or []
]


def catalogue_names() -> set[str]:
    names = {series.name for series in (*centre.SITE_SERIES, *centre.STUDY_SERIES)}
    names |= {centre.history_name(series.name) for series in centre.HISTORY_SERIES}
    for table in TABLES.values():
        own = {f"{table.metric}_bucket"} if table.kind is Kind.HISTOGRAM else {table.metric}
        names |= own | {centre.history_name(name) for name in own} | {series.name for series in centre.total_series(table)}
        pool = centre.pool_series(table)
        names |= {pool.name} if pool is not None else set()
    return names


def filled(expr: str) -> str:
    for variable, value in IN_GRAFANA.items():
        expr = expr.replace(variable, value)
    return expr


def metric_names(expr: str) -> set[str]:
    """Names before a brace, and whatever looks like one of ours without it."""
    return set(re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{", expr)) | set(re.findall(r"\bstudy_\w+", expr))


def test_the_pages_that_people_rely_on_are_built() -> None:
    assert {"consortium", "site", "study_progress", "data_exploration", "inference_jobs", "operations"} <= PAGES.keys()


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_every_query_is_promql(expr: str) -> None:
    promql_parser.parse(filled(expr))


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_every_metric_is_in_the_catalogue(expr: str) -> None:
    names = metric_names(expr)

    assert names
    assert names <= catalogue_names() | OF_PROMETHEUS


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_history_is_never_read_without_reaching_back_a_day(expr: str) -> None:
    reads = expr.count(centre.HISTORY_PREFIX)

    assert reads == len(re.findall(rf"last_over_time\({centre.HISTORY_PREFIX}[^\[]*\[(?:26h|60d)\]", expr))


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_a_missing_number_is_never_made_a_zero(expr: str) -> None:
    assert "vector(" not in expr


@pytest.mark.parametrize("panel", ALL)
def test_every_panel_has_title_description_unit_and_a_text_for_nothing(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]

    assert panel["title"].strip()
    assert panel["description"].rstrip().endswith(".")
    assert defaults["unit"]
    assert defaults["noValue"]


@pytest.mark.parametrize("panel", ALL)
def test_every_panel_asks_the_chosen_data_source(panel: dict[str, Any]) -> None:
    asked = {panel["datasource"]["uid"], *(target["datasource"]["uid"] for target in panel.get("targets") or [])}

    assert asked == {"${datasource}"}


@pytest.mark.parametrize("panel", ALL)
def test_no_panel_is_red_by_default(panel: dict[str, Any]) -> None:
    assert not re.search(r'"(red|dark-red|semi-dark-red|#[fF]2495[cC])"', json.dumps(panel))


@pytest.mark.parametrize("uid", PAGES)
def test_panel_ids_are_unique_on_a_page(uid: str) -> None:
    ids = [panel["id"] for panel in panels(PAGES[uid])]

    assert len(ids) == len(set(ids))
    assert 0 not in ids


@pytest.mark.parametrize("uid", PAGES)
def test_query_names_are_unique_in_a_panel(uid: str) -> None:
    for panel in drawn(PAGES[uid]):
        refs = [target["refId"] for target in panel.get("targets") or []]
        assert len(refs) == len(set(refs)), panel["title"]


@pytest.mark.parametrize("uid", PAGES)
def test_panels_stay_on_the_grid_and_do_not_overlap(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(PAGES[uid]):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("uid", PAGES)
def test_pages_start_at_ninety_days_and_cannot_be_edited_in_place(uid: str) -> None:
    assert PAGES[uid]["time"] == {"from": "now-90d", "to": "now"}
    assert PAGES[uid]["editable"] is False


def test_the_page_for_the_public_leads_nowhere_because_the_public_has_no_other() -> None:
    assert PAGES["totals"]["links"] == []
    assert not any(target for target in drawn(PAGES["totals"]) if "/d/" in json.dumps(target))


@pytest.mark.parametrize("uid", [uid for uid in PAGES if uid != "totals"])
def test_every_page_links_to_the_others_and_keeps_choices_and_time(uid: str) -> None:
    others, *to_site = PAGES[uid]["links"]

    assert others["includeVars"]
    assert all(link["keepTime"] for link in PAGES[uid]["links"])
    assert all(others["tags"] == page["tags"] for name, page in PAGES.items() if name != "site")
    assert [link["url"].split("?")[0] for link in to_site] == ([] if uid == "site" else ["/d/site"])


def test_no_link_carries_the_choice_of_all_sites_to_the_page_of_one() -> None:
    for uid, page in PAGES.items():
        for link in page["links"]:
            assert not (link["includeVars"] and set(link["tags"]) & set(PAGES["site"]["tags"])), uid


@pytest.mark.parametrize("uid", PAGES)
def test_no_page_names_an_outside_address(uid: str) -> None:
    """Hospital and centre networks are closed, and a tile server would learn who looks."""
    assert not re.search(r"https?://", json.dumps(PAGES[uid]))


def test_the_map_shows_every_state_with_a_sign_of_a_file_that_grafana_serves() -> None:
    (site_map,) = [panel for panel in drawn(PAGES["consortium"]) if panel["type"] == "geomap"]
    options = site_map["options"]

    assert options["basemap"]["type"] == "geojson"
    assert options["basemap"]["config"]["src"].startswith("public/maps/")
    assert {layer["name"][2:].replace(" ", "_") for layer in options["layers"]} == set(centre.SITE_STATES)
