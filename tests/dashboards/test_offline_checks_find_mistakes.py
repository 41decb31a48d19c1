"""`studyscope-dashboards check`: the pages pass, and each mistake that a developer makes is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from studyscope_dashboards.checks.command import problems
from studyscope_dashboards.cli import main
from studyscope_dashboards.page import pages_as_read

Page = dict[str, Any]


def test_every_page_is_as_it_should_be(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["check"])

    assert capsys.readouterr().err == ""
    assert code == 0


def first(page: Page, kind: str = "stat") -> dict[str, Any]:
    return next(panel for panel in page["panels"] if panel["type"] == kind)


def with_query(expr: str) -> Callable[[Page], None]:
    return lambda page: first(page)["targets"][0].update(expr=expr)


MISTAKES: list[tuple[str, Callable[[Page], None], str]] = [
    ("an unknown kind of panel", lambda page: first(page).update(type="piechart"), "panels/2/type"),
    ("a place in words", lambda page: first(page)["gridPos"].update(x="left"), "gridPos/x"),
    ("a threshold of no kind", lambda page: first(page)["fieldConfig"]["defaults"]["thresholds"].update(mode="xyz"), "mode"),
    ("a query that is neither instant nor range", lambda page: first(page)["targets"][0].update(instant=False), "targets/0"),
    ("an id twice", lambda page: first(page).update(id=1), "id 1 is another panel's"),
    ("panels on top of each other", lambda page: first(page)["gridPos"].update(x=0), "overlaps Sites by state"),
    ("a panel beyond the grid", lambda page: page["panels"][4]["gridPos"].update(w=10), "beyond column 24"),
    ("a title that is cut", lambda page: first(page).update(title="Patients shown by all sites"), "has room for 19"),
    ("no unit", lambda page: first(page)["fieldConfig"]["defaults"].update(unit=""), "panel-units"),
    ("no description", lambda page: first(page).update(description="patients"), "panel-title-description"),
    ("no words for nothing", lambda page: first(page)["fieldConfig"]["defaults"].update(noValue=""), "nothing to show"),
    ("no query", lambda page: first(page).update(targets=[]), "panel-no-targets"),
    ("a fixed data source", lambda page: first(page)["datasource"].update(uid="main"), "panel-datasource"),
    ("an editable page", lambda page: page.update(editable=True), "uneditable-dashboard"),
    ("no data source variable", lambda page: page["templating"]["list"].pop(0), "template-datasource"),
    ("a variable that is read once", lambda page: page["templating"]["list"][1].update(refresh=1), "on-time-change-reload"),
    ("an outside address", lambda page: page["links"][0].update(url="https://tiles.example"), "outside address"),
    ("broken PromQL", with_query("sum(study_patients{"), "is no PromQL"),
    ("a series that nobody publishes", with_query("sum(study_persons{})"), "study_persons is not in the catalogue"),
    ("a zero for unknown", with_query("sum(study_patients) or vector(0)"), "vector()"),
    ("history read at one moment", with_query("sum(study_history_patients)"), "one sample a day"),
    ("a rate over a fixed window", with_query("rate(up[5m])"), "$__rate_interval"),
]


@pytest.mark.parametrize(("mistake", "make", "said"), MISTAKES, ids=[mistake for mistake, _, _ in MISTAKES])
def test_a_mistake_is_named(mistake: str, make: Callable[[Page], None], said: str) -> None:
    page = copy.deepcopy(pages_as_read()["consortium"])
    make(page)

    found = list(problems({"consortium": page}))

    assert any(said in problem and problem.startswith("consortium: ") for problem in found), (mistake, found)
