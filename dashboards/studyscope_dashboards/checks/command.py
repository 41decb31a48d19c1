"""`studyscope-dashboards check`: every page, offline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from studyscope_dashboards.checks.form import form_problems
from studyscope_dashboards.checks.layout import layout_problems
from studyscope_dashboards.checks.lint import page_problems, panel_problems


def problems(pages: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Everything that is wrong with `pages` (JSON as Grafana reads it, by uid).

    Of a page that has not the form of one, only that is said: what would follow is not to be trusted.
    """
    for uid, page in pages.items():
        found = list(form_problems(page)) or [*layout_problems(page), *page_problems(page), *panel_problems(page)]
        yield from (f"{uid}: {problem}" for problem in found)
