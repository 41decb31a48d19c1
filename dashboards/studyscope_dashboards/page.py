"""What every dashboard has in common: variables, links that keep them, time range; and the reading of all of them."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from studyscope_contract.catalogue import centre
from studyscope_dashboards import dashboards
from studyscope_dashboards.panels import DATASOURCE
from studyscope_dashboards.queries import STUDY

TAG = "studyscope"
SITE_TAG = "studyscope-site"
"""The page of one site has a tag of its own: a link that carries the choice "all sites" would leave it empty."""
DEFAULT_RANGE = "now-90d"
"""Fits the pace of a study."""


def page(
    uid: str, title: str, description: str, variables: Sequence[Builder[models.VariableModel]], *, links: bool = True
) -> build.Dashboard:
    """An empty dashboard with the house's frame; `uid` is the name of its module.

    Without `links` it leads nowhere: the public has no other page.
    """
    return (
        build.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([SITE_TAG if uid == "site" else TAG])
        .readonly()
        .timezone("browser")
        .time(DEFAULT_RANGE, "now")
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .variables([_datasource(), *variables])
        .links(([_other_pages()] if uid == "site" else [_other_pages(), _site_page()]) if links else [])
    )


def study_variable() -> build.QueryVariable:
    """Which study; one at a time, because patients of two studies must not be added."""
    return _query_variable("study", "Study", f"label_values({centre.STUDY_INFO.name}, study)")


def sites_variable() -> build.QueryVariable:
    """Which of the study's registered sites, all at first."""
    every_site = _query_variable("site", "Site", _sites())
    return every_site.multi(True).include_all(True).all_value(".*").current(models.VariableOption(text="All", value="$__all"))


def site_variable() -> build.QueryVariable:
    """One of the study's registered sites."""
    return _query_variable("site", "Site", _sites())


def choice(name: str, label: str, query: str) -> build.QueryVariable:
    """One value out of those that `query` finds, such as a structure."""
    return _query_variable(name, label, query)


def choices(name: str, label: str, query: str) -> build.QueryVariable:
    """Several values out of those that `query` finds, all at first."""
    every_one = _query_variable(name, label, query).multi(True).include_all(True).all_value(".*")
    return every_one.current(models.VariableOption(text="All", value="$__all"))


def _sites() -> str:
    return f"label_values({centre.SITE_INFO.name}{{{STUDY}}}, site)"


def _query_variable(name: str, label: str, query: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": query, "refId": name})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _datasource() -> build.DatasourceVariable:
    return build.DatasourceVariable("datasource").label("Data source").type("prometheus").hide(models.VariableHide.HIDE_VARIABLE)


def _other_pages() -> build.DashboardLink:
    return (
        build.DashboardLink("Other pages")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
        .icon("external link")
        .tooltip("The other pages, same study, sites and time")
        .url("")
    )


def _site_page() -> build.DashboardLink:
    return (
        build.DashboardLink("One site")
        .type(models.DashboardLinkType.LINK)
        .url("/d/site?var-datasource=${datasource}&var-study=${study}")
        .keep_time(True)
        .icon("external link")
        .tooltip("The page of one hospital")
    )


def all_dashboards() -> dict[str, models.Dashboard]:
    """Every dashboard in `dashboards/`, by uid."""
    found = {}
    for module in pkgutil.iter_modules(dashboards.__path__):
        built: models.Dashboard = importlib.import_module(f"{dashboards.__name__}.{module.name}").dashboard().build()
        if built.uid != module.name:
            raise TypeError(f"dashboards/{module.name}.py must build a dashboard with uid {module.name!r}, not {built.uid!r}")
        found[module.name] = built
    return found


def dashboard_json(dashboard: models.Dashboard) -> str:
    """The dashboard as Grafana reads it."""
    return json.dumps(dashboard, cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def pages_as_read() -> dict[str, dict[str, Any]]:
    """Every dashboard as Grafana reads it, by uid."""
    return {uid: json.loads(dashboard_json(page)) for uid, page in all_dashboards().items()}


def write_dashboards(folder: Path) -> tuple[Path, ...]:
    """Writes every dashboard as `<uid>.json` into `folder` and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for uid, dashboard in all_dashboards().items():
        path = folder / f"{uid}.json"
        path.write_text(dashboard_json(dashboard), encoding="utf-8")
        paths.append(path)
    return tuple(paths)
