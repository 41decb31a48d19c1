"""Every query of every panel, put to real servers with variables filled in as Grafana fills them."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aggregator_cast import a_study
from dashboards_cast import HIDDEN, SITES, consortium
from prometheus_server import Prometheus
from studyscope_contract.catalogue import TABLES, imaging, progress
from studyscope_contract.study import Study
from studyscope_dashboards.joint_bounds import at_least, at_most
from studyscope_dashboards.look.answers import Answers, FromGrafana, FromPrometheus, Span
from studyscope_dashboards.look.grafana_server import Grafana, grafana_command, running_grafana
from studyscope_dashboards.look.variables import choices, filled
from studyscope_dashboards.look.walk import Seen, look_at, panels, walk
from studyscope_dashboards.page import pages_as_read
from studyscope_dashboards.study_pages import write_study_pages
from studyscope_dashboards.why_nothing import WORDS, status

pytestmark = pytest.mark.real

PAGES = pages_as_read()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with consortium(tmp_path_factory.mktemp("consortium")) as running:
        yield running


@pytest.fixture(scope="module")
def grafana(server: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grafana]:
    command = grafana_command(os.environ)
    if command is None:
        pytest.skip("no Grafana in GRAFANA_HOME or on the PATH")
    folder = tmp_path_factory.mktemp("grafana")
    with running_grafana(command, folder, server.url, os.environ, reread_seconds=1) as running:
        yield running


@pytest.fixture(scope="module")
def answers(server: Prometheus) -> Iterator[Answers]:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        yield FromPrometheus(client)


def a_span() -> Span:
    now = time.time()
    return Span(now - 90 * 86400, now)


def wrong(seen: list[Seen]) -> list[str]:
    """Errors and panels without their data; how long a query takes is measured by `look`, on a machine with nothing else to do."""
    return [f"{one.page} / {one.panel}: {what}" for one in seen for what in (*one.errors, *one.empty_although)]


def test_prometheus_answers_every_query_of_every_panel(answers: Answers) -> None:
    seen = list(walk(PAGES, answers, a_span(), {}))

    assert {one.page for one in seen} == PAGES.keys()
    assert wrong(seen) == []


@pytest.mark.timeout(300)
def test_grafana_answers_every_query_of_every_panel(grafana: Grafana) -> None:
    """The page of one site for one site: Prometheus was asked for all of them."""
    of_all = {uid: page for uid, page in PAGES.items() if uid != "site"}
    with httpx.Client(base_url=grafana.url, timeout=60, trust_env=False) as client:
        seen = list(walk(of_all, FromGrafana(client), a_span(), {}))
        seen += walk({"site": PAGES["site"]}, FromGrafana(client), a_span(), {"site": SITES[0]})

    assert {one.page for one in seen} == PAGES.keys()
    assert wrong(seen) == []


def test_a_query_that_is_wrong_and_a_panel_that_loses_its_data_are_found(answers: Answers) -> None:
    panel = copy.deepcopy(next(panels(PAGES["consortium"])))
    chosen = choices(PAGES["consortium"], answers, a_span(), {})[0]
    panel["targets"] = panel["targets"][:1]

    panel["targets"][0]["expr"] = "sum(study_patients{"
    assert look_at("consortium", panel, chosen, answers, a_span()).errors

    panel["targets"][0]["expr"] = 'study_patients{study="$study"} > 1e9'
    panel["fieldConfig"]["defaults"]["noValue"] = "not shown"
    assert "study_patients" in look_at("consortium", panel, chosen, answers, a_span()).empty_although[0]

    panel["fieldConfig"]["defaults"]["noValue"] = "No site has so many."
    assert look_at("consortium", panel, chosen, answers, a_span()).problems == ()


def test_the_page_of_one_site_is_looked_at_for_every_site(answers: Answers) -> None:
    ways = choices(PAGES["site"], answers, a_span(), {})

    assert sorted(way["site"] for way in ways) == sorted(SITES)
    assert all(way["site"] == ".*" for way in choices(PAGES["consortium"], answers, a_span(), {}))


def test_a_name_is_not_taken_for_the_beginning_of_a_longer_one() -> None:
    assert filled("$site ${site} $site_name", {"site": "a", "site_name": "b"}) == "a a b"


def test_a_person_s_own_copy_of_a_page_survives_the_next_provisioning(grafana: Grafana) -> None:
    with httpx.Client(base_url=grafana.url, auth=("admin", grafana.password), timeout=60, trust_env=False) as client:
        original = client.get("/api/dashboards/uid/consortium").raise_for_status().json()["dashboard"]
        assert client.post("/api/dashboards/db", json={"dashboard": original, "overwrite": True}).status_code == 400
        own = original | {"id": None, "uid": None, "title": "Monday meeting", "editable": True}
        folder = client.post("/api/folders", json={"title": "Our own"}).raise_for_status().json()["uid"]
        saved = client.post("/api/dashboards/db", json={"dashboard": own, "folderUid": folder}).raise_for_status().json()

        file = grafana.dashboards / "consortium.json"
        file.write_text(file.read_text(encoding="utf-8").replace('"Consortium"', '"Consortium today"'), encoding="utf-8")
        _until_title(client, "Consortium today")

        assert (
            client.get(f"/api/dashboards/uid/{saved['uid']}").raise_for_status().json()["dashboard"]["title"] == "Monday meeting"
        )


def test_a_study_s_own_folder_is_drawn_by_grafana_as_its_file_says(grafana: Grafana) -> None:
    choice = {"page": "study_progress", "panels": ["behind-plan", "target-reached-between"]}
    study = Study.model_validate(a_study() | {"dashboards": [choice]})
    write_study_pages(grafana.dashboards, [study])
    with httpx.Client(base_url=grafana.url, auth=("admin", grafana.password), timeout=60, trust_env=False) as client:
        deadline = time.monotonic() + 60
        while (answer := client.get("/api/dashboards/uid/liver-study_progress")).status_code != 200:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.5)
        page = answer.json()["dashboard"]
        seen = list(walk({page["uid"]: page}, FromGrafana(client), a_span(), {}))

    assert [panel["title"] for panel in page["panels"]] == ["Behind plan", "Target reached between"]
    assert wrong(seen) == []


def _until_title(client: httpx.Client, title: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if client.get("/api/dashboards/uid/consortium").json()["dashboard"]["title"] == title:
            return
        time.sleep(0.5)
    raise AssertionError("Grafana did not read the changed file")


def test_what_is_not_found_says_how_to_have_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from studyscope_dashboards.look.command import NoGrafana, look

    with pytest.raises(NoGrafana, match="GRAFANA_HOME"):
        look("http://127.0.0.1:9", None, {"PATH": str(tmp_path)}, time.time, print)
    assert capsys.readouterr().out == ""


def test_every_registered_site_says_what_it_shows_of_a_table_or_why_nothing(server: Prometheus) -> None:
    def said(table: str) -> dict[str, str]:
        asked = filled(status(TABLES[table]), {"study": "liver", "site": ".*"})
        found = {row["metric"]["site"]: row["value"][1] for row in server.query(asked, time.time())}
        return {site: WORDS.get(number, f"under {number}") for site, number in found.items()}

    assert said("vendor") == dict.fromkeys(("berlin", "lyon", "madrid"), "numbers") | {"oslo": "never reported"}
    assert said("sex") == {"berlin": "numbers", "lyon": "not offered", "madrid": "numbers", "oslo": "never reported"}
    assert said(HIDDEN) == dict.fromkeys(("berlin", "lyon", "madrid"), "under 15") | {"oslo": "never reported"}


def test_bounds_of_several_conditions_count_in_rounding_and_hidden_cells(server: Prometheus) -> None:
    """Berlin shows 170 patients (165 to 174), all in each chosen cell, and 20 (15 to 24) in each of six age bands."""
    chosen = {"study": "liver", "site": "berlin|oslo"}
    for table, label in ((imaging.MODALITY, "modality"), (imaging.BODY_PART, "body_part"), (progress.REACHED, "stage")):
        chosen[label] = table.dimensions[0].codes[0]

    def bound(expr: str, age: str) -> dict[str, float]:
        found = server.query(filled(expr, {**chosen, "age_band": age}), time.time())
        return {row["metric"]["site"]: float(row["value"][1]) for row in found}

    assert bound(at_least(), ".*") == {"berlin": 3 * 165 + 6 * 15 - 3 * 174}
    assert bound(at_most(), ".*") == {"berlin": 174}
    assert bound(at_least(), "18-39") == {"berlin": 0}
    assert bound(at_most(), "18-39") == {"berlin": 174 - 5 * 15}
    chosen["modality"] = imaging.MODALITY.dimensions[0].codes[-1]
    assert bound(at_most(), ".*") == {"berlin": 14}
