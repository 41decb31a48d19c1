"""Every query of every panel, put to a real server; what is wrong, empty or slow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser

from studyscope_dashboards.look.answers import Answers, Span
from studyscope_dashboards.look.variables import choices, filled
from studyscope_dashboards.promql import selectors

SLOW_SECONDS = 0.2
TRIES = 3
"""A slow answer is asked for again: the machine may have been busy, the query has to be fast once."""


@dataclass(frozen=True)
class Seen:
    """One panel under one choice of variables."""

    page: str
    panel: str
    choice: Mapping[str, str]
    queries: int
    series: int
    slowest_seconds: float
    errors: tuple[str, ...]
    empty_although: tuple[str, ...]  # series that exist, of a panel that shows nothing

    @property
    def problems(self) -> tuple[str, ...]:
        empty = (f"shows nothing, although there is {', '.join(self.empty_although)}",) if self.empty_although else ()
        slow = (f"takes {self.slowest_seconds * 1000:.0f} ms",) if self.slowest_seconds > SLOW_SECONDS else ()
        where = ", ".join(f"{name}={value}" for name, value in self.choice.items() if not name.startswith("__"))
        return tuple(f"{self.page} / {self.panel} ({where}): {what}" for what in (*self.errors, *empty, *slow))


def walk(pages: Mapping[str, Mapping[str, Any]], answers: Answers, span: Span, preset: Mapping[str, str]) -> Iterator[Seen]:
    """Looks at every panel of `pages` (JSON as Grafana reads it, by uid)."""
    for uid, page in pages.items():
        for chosen in choices(page, answers, span, preset):
            for panel in panels(page):
                yield look_at(uid, panel, chosen, answers, span)


def panels(page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The panels of a page that ask for something, those in closed rows too."""
    for panel in page["panels"]:
        for one in (panel, *(panel.get("panels") or ())):
            if one.get("targets"):
                yield one


def look_at(uid: str, panel: Mapping[str, Any], chosen: Mapping[str, str], answers: Answers, span: Span) -> Seen:
    """Asks all queries of one panel."""
    exprs = [(filled(target["expr"], chosen), bool(target.get("instant"))) for target in panel["targets"]]
    found, slowest, errors = 0, 0.0, []
    for expr, instant in exprs:
        answer = answers.ask(expr, span, instant=instant)
        seconds = answer.seconds
        for _ in range(TRIES - 1):
            if seconds > SLOW_SECONDS:
                seconds = min(seconds, answers.ask(expr, span, instant=instant).seconds)
        slowest = max(slowest, seconds)
        found += len(answer.series)
        if answer.error:
            errors.append(f"{answer.error}: {expr}")
    although = () if found or errors or may_be_empty(panel) else _data_of(exprs, answers, span)
    return Seen(uid, filled(panel["title"], chosen), chosen, len(exprs), found, slowest, tuple(errors), although)


def may_be_empty(panel: Mapping[str, Any]) -> bool:
    """Whether nothing is an answer: the panel then has a whole sentence for it, such as "Nothing fires."."""
    return str(panel["fieldConfig"]["defaults"].get("noValue", "")).endswith(".")


def _data_of(exprs: list[tuple[str, bool]], answers: Answers, span: Span) -> tuple[str, ...]:
    """The series of the first query all of whose series exist."""
    for expr, _ in exprs:
        asked = [selector.prettify() for selector in selectors(promql_parser.parse(expr))]
        if asked and all(answers.ask(f"count({selector})", span, instant=True).series for selector in asked):
            return tuple(asked)
    return ()
