"""`dashboards` in the study file: which pages and panels a study's own folder has, and in which order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from aggregator_cast import a_study
from studyscope_contract.study import Study
from studyscope_dashboards.checks.command import problems
from studyscope_dashboards.cli import main
from studyscope_dashboards.page import pages_as_read
from studyscope_dashboards.study_pages import UnknownPanel, panel_name, panel_names, study_pages, study_uid

PAGES = pages_as_read()


def a_choosing_study(*choices: dict[str, object]) -> Study:
    return Study.model_validate(a_study() | {"dashboards": list(choices)})


def names(page: dict[str, Any]) -> list[str]:
    return [panel_name(panel) for panel in page["panels"]]


def test_panels_are_selected_and_stand_in_the_order_of_the_file() -> None:
    wanted = ["behind-plan", "target-reached-between", "share-of-the-target-at-least"]

    (page,) = study_pages(a_choosing_study({"page": "study_progress", "panels": wanted}), PAGES)

    assert names(page) == wanted
    places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in page["panels"]]
    assert places == sorted(places)


def test_hidden_panels_are_gone_and_the_others_stay_in_order() -> None:
    (page,) = study_pages(a_choosing_study({"page": "consortium", "hide": ["sites-by-state"]}), PAGES)

    assert names(page) == [name for name in panel_names(PAGES)["consortium"] if name != "sites-by-state"]


def test_every_page_of_a_study_is_as_good_as_one_of_all_studies() -> None:
    study = a_choosing_study(
        *({"page": uid, "hide": [names_[0]]} for uid, names_ in panel_names(PAGES).items() if len(names_) > 1)
    )

    made = {page["uid"]: page for page in study_pages(study, PAGES)}

    assert len(made) == len(study.dashboards)
    assert list(problems(made)) == []


def test_a_study_s_pages_know_their_study_and_lead_to_each_other() -> None:
    study = a_choosing_study({"page": "consortium"}, {"page": "site"})

    consortium, site = study_pages(study, PAGES)

    (chosen,) = [one for one in consortium["templating"]["list"] if one["name"] == "study"]
    assert (chosen["regex"], chosen["hide"]) == ("/^liver$/", 2)
    assert consortium["title"] == "Liver lesions: Consortium"
    assert consortium["tags"] == site["tags"] == ["studyscope-liver"]
    assert "/d/liver-site?" in json.dumps(consortium)
    assert '"/d/site?' not in json.dumps(consortium)


def test_a_study_that_chooses_nothing_has_no_folder_of_its_own() -> None:
    assert study_pages(Study.model_validate(a_study()), PAGES) == []


def test_an_unknown_page_or_panel_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(UnknownPanel, match="there is no page 'progress'; allowed: collaboration, consortium"):
        study_pages(a_choosing_study({"page": "progress"}), PAGES)
    with pytest.raises(
        UnknownPanel, match="no panel of consortium 'map'; allowed: sites-by-state, sites-in-each-state, patients-shown"
    ):
        study_pages(a_choosing_study({"page": "consortium", "panels": ["map"]}), PAGES)
    with pytest.raises(ValidationError, match="either `panels`"):
        a_choosing_study({"page": "consortium", "panels": ["a"], "hide": ["b"]})


def test_names_of_panels_are_unique_on_every_page() -> None:
    for uid, found in panel_names(PAGES).items():
        assert len(found) == len(set(found)), uid


def test_a_long_name_is_cut_to_what_grafana_takes() -> None:
    uids = {study_uid(f"{'a' * 38}-{end}", "consortium") for end in "bc"}

    assert len(uids) == 2
    assert all(len(uid) <= 40 for uid in uids)


def test_the_command_writes_the_study_s_folder_and_tells_grafana_of_it(tmp_path: Path) -> None:
    study = tmp_path / "liver.yaml"
    study.write_text(yaml.safe_dump(a_study() | {"dashboards": [{"page": "consortium"}]}), encoding="utf-8")
    words = ["grafana", "--prometheus", "http://127.0.0.1:9090", "--root-url", "http://127.0.0.1:3000", "--study", str(study)]

    assert main([*words, "--out", str(tmp_path / "out")]) == 0

    providers = yaml.safe_load((tmp_path / "out/provisioning/dashboards/studyscope.yaml").read_text(encoding="utf-8"))[
        "providers"
    ]
    assert [(one["folder"], one["folderUid"]) for one in providers] == [
        ("Studyscope", "studyscope"),
        ("Liver lesions", "studyscope-liver"),
    ]
    page = json.loads((Path(providers[1]["options"]["path"]) / "consortium.json").read_text(encoding="utf-8"))
    assert page["uid"] == "liver-consortium"


def test_a_mistake_in_the_file_is_told_without_a_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tmp_path / "liver.yaml"
    study.write_text(yaml.safe_dump(a_study() | {"dashboards": [{"page": "map"}]}), encoding="utf-8")
    words = ["grafana", "--prometheus", "http://127.0.0.1:9090", "--root-url", "http://127.0.0.1:3000", "--study", str(study)]

    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "there is no page 'map'" in capsys.readouterr().err
