"""The rules of Grafana's dashboard-linter that apply to generated pages, and those of the house.

Not applied: template-job, template-instance, target-job and target-instance (published series carry neither label).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from studyscope_dashboards.checks.expressions import expression_problems
from studyscope_dashboards.checks.layout import all_panels

DATASOURCE = "${datasource}"


def page_problems(page: Mapping[str, Any]) -> Iterator[str]:
    """Rules about the page and its variables."""
    if page["editable"]:
        yield "uneditable-dashboard: what is edited in place is lost at the next provisioning"
    variables = page["templating"]["list"]
    if not any(one["type"] == "datasource" and one["name"] == "datasource" for one in variables):
        yield "template-datasource: there is no variable named datasource"
    for one in variables:
        if one["type"] == "query":
            yield from _variable_problems(one, _names(page))
    if re.search(r"https?://", str(page)):
        yield "names an outside address: hospital and centre networks are closed"


def panel_problems(page: Mapping[str, Any]) -> Iterator[str]:
    """Rules about each panel and its queries."""
    for panel in all_panels(page):
        if panel["type"] != "row":
            for problem in _of_panel(panel, _names(page)):
                yield f"{panel['title']}: {problem}"


def _names(page: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: "a" for one in page["templating"]["list"]}


def _variable_problems(variable: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    if variable.get("datasource", {}).get("uid") != DATASOURCE:
        yield f"variable {variable['name']}: asks another data source than {DATASOURCE}"
    if variable.get("refresh") != 2:
        yield f"variable {variable['name']}: template-on-time-change-reload: is not read again when the time range changes"
    asked = re.fullmatch(r"label_values\((.+),\s*\w+\)", variable["query"]["query"])
    if asked is None:
        yield f"variable {variable['name']}: template-label-promql: is not label_values(series, label)"
    else:
        series = asked[1] if "{" in asked[1] else f"{asked[1]}{{}}"
        for problem in expression_problems(series, names):
            yield f"variable {variable['name']}: template-label-promql: {problem}"


def _of_panel(panel: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    if not panel["title"].strip() or not panel["description"].rstrip().endswith("."):
        yield "panel-title-description: needs a title and a sentence that says what is shown"
    if not defaults.get("unit"):
        yield "panel-units: has no unit"
    if not defaults.get("noValue"):
        yield "has no words for the case that there is nothing to show"
    targets = panel.get("targets") or []
    if not targets and panel["type"] != "text":
        yield "panel-no-targets: asks for nothing"
    if {panel["datasource"]["uid"], *(target["datasource"]["uid"] for target in targets)} != {DATASOURCE}:
        yield "panel-datasource: asks another data source than the chosen one"
    refs = [target["refId"] for target in targets]
    if len(refs) != len(set(refs)):
        yield "two queries have the same name"
    for target in targets:
        for problem in expression_problems(target["expr"], names):
            yield f"query {target['refId']}: {problem}"
