"""Every query: PromQL, of series that the catalogue holds, read as the design says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import promql_parser

from studyscope_contract.catalogue import TABLES, centre
from studyscope_contract.metric import Kind
from studyscope_dashboards.look.variables import filled
from studyscope_dashboards.promql import calls, selectors

OF_PROMETHEUS = frozenset({"up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS"})
ANYTHING = {
    "study": "a",
    "site": ".*",
    "__rate_interval": "5m",
    "__interval": "5m",
    "__range": "90d",
}
_RATES = frozenset({"rate", "irate", "increase"})


@cache
def known_series() -> frozenset[str]:
    """Names of all series that Prometheus can hold here."""
    names = {series.name for series in (*centre.SITE_SERIES, *centre.STUDY_SERIES)}
    names |= {centre.history_name(series.name) for series in centre.HISTORY_SERIES}
    for table in TABLES.values():
        own = (
            {f"{table.metric}_{part}" for part in ("bucket", "count", "sum")} if table.kind is Kind.HISTOGRAM else {table.metric}
        )
        names |= own | {centre.history_name(name) for name in own} | {series.name for series in centre.total_series(table)}
        pool = centre.pool_series(table)
        names |= {pool.name} if pool is not None else set()
    return frozenset(names) | OF_PROMETHEUS


def expression_problems(expr: str, variables: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with one query; `variables` holds some value for each of the page's."""
    try:
        parsed = promql_parser.parse(filled(expr, {**ANYTHING, **variables}))
    except ValueError as problem:
        yield f"is no PromQL: {problem}"
        return
    names = [selector.name or "" for selector in selectors(parsed)]
    if not names:
        yield "asks for no series"
    for name in sorted({name for name in names if name not in known_series()}):
        yield f"{name} is not in the catalogue"
    rated = {name for call in calls(parsed) if call.func.name in _RATES for name in map(_name, selectors(call))}
    for name in sorted({name for name in names if name.endswith("_total") and name not in rated}):
        yield f"{name} is a counter and needs rate or increase"
    yield from _window_problems(expr)


def _name(selector: Any) -> str:
    return str(selector.name)


def _window_problems(expr: str) -> Iterator[str]:
    if re.search(r"\b(?:rate|irate|increase)\([^\[]*\[(?!\$__(?:rate_interval|range)\])", expr):
        yield "a rate needs the window $__rate_interval or $__range"
    if expr.count(centre.HISTORY_PREFIX) != len(
        re.findall(rf"last_over_time\({centre.HISTORY_PREFIX}[^\[]*\[(?:26h|60d)\]", expr)
    ):
        yield "history holds one sample a day: read it with last_over_time(...[26h]) or [60d]"
    if "vector(" in expr:
        yield "vector() would make a missing number a zero"
