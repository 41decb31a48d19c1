"""`studyscope-dashboards look`: every page in a real Grafana, beside a Prometheus that has data."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path

import httpx

from studyscope_dashboards.look.answers import FromGrafana, Span
from studyscope_dashboards.look.grafana_server import grafana_command, running_grafana
from studyscope_dashboards.look.pictures import take_pictures
from studyscope_dashboards.look.variables import choices
from studyscope_dashboards.look.walk import Seen, walk
from studyscope_dashboards.page import pages_as_read

DAYS = 90


class NoGrafana(Exception):
    """No Grafana server on this machine."""

    def __init__(self) -> None:
        super().__init__(
            "no Grafana server found: set GRAFANA_HOME to the folder of one, or put `grafana` on the PATH. "
            "Without one, `make test` puts every panel's queries to Prometheus itself"
        )


def look(
    prometheus_url: str,
    out: Path | None,
    environment: Mapping[str, str],
    now: Callable[[], float],
    say: Callable[[str], None],
) -> int:
    """Looks at every page; 1 when something is wrong. Pictures go to `out`, unless it is None."""
    command = grafana_command(environment)
    if command is None:
        raise NoGrafana
    pages = pages_as_read()
    with (
        tempfile.TemporaryDirectory(prefix="studyscope-look-") as folder,
        running_grafana(command, Path(folder), prometheus_url, environment) as grafana,
    ):
        with httpx.Client(base_url=grafana.url, timeout=60, trust_env=False) as client:
            answers, span = FromGrafana(client), Span(now() - DAYS * 86400, now())
            problems = _told(list(walk(pages, answers, span, {})), say)
            chosen = {uid: _shown(choices(page, answers, span, {})[0]) for uid, page in pages.items()}
        if out is not None:
            browser = shutil.which("chromium", path=environment.get("PATH"))
            for path in take_pictures(grafana.url, pages, chosen, out, browser=browser):
                say(f"picture {path}")
    return 1 if problems else 0


def _shown(choice: Mapping[str, str]) -> dict[str, str]:
    """What stands in a page's address; a choice of everything is made by the page itself."""
    return {name: value for name, value in choice.items() if not name.startswith("__") and value != ".*"}


def _told(seen: list[Seen], say: Callable[[str], None]) -> list[str]:
    say(f"{'page':24}{'panels':>8}{'queries':>9}{'series':>8}{'slowest':>10}")
    for uid, group in groupby(seen, key=lambda one: one.page):
        of_page = list(group)
        queries, series = sum(one.queries for one in of_page), sum(one.series for one in of_page)
        slowest = max(one.slowest_seconds for one in of_page)
        say(f"{uid:24}{len(of_page):8}{queries:9}{series:8}{slowest * 1000:7.0f} ms")
    nothing = [f"{one.page} / {one.panel}" for one in seen if not one.series and not one.problems]
    say(f"nothing published for: {', '.join(sorted(set(nothing))) or 'no panel'}")
    problems = [problem for one in seen for problem in one.problems]
    for problem in problems:
        say(f"WRONG {problem}")
    return problems
