"""Queries held to what their asker may see: every selector gets the matchers of the asker's role."""

from __future__ import annotations

import re
from typing import Any

import promql_parser as promql

from studyscope_aggregator.access.query_text import Matchers, QueryRefused, QueryWriter, selector_text
from studyscope_aggregator.access.role import Scope
from studyscope_aggregator.access.visible_series import TOTALS, NotVisible, Pin, groups, pins

LONGEST = 100_000
"""Characters of a query; the longest of our dashboards has 20,000 of them, and many more where dozens of sites are chosen."""
MOST_OPERATORS = 2_000
"""Signs and words that can nest, outside of plain strings; the parser ends the program where they nest by the five thousand."""
STUDY_PREFIX = "study_"
"""With this begins every series that comes from a study."""
_OPERATOR = re.compile(r"[(\[{+\-*/%^<>=!@]|(?<![a-z_:])(?:or|and|unless|atan2)(?![a-z_:0-9])", re.IGNORECASE)
_PLAIN_STRING = re.compile(r'"[^"\n]*"')
_OTHER_QUOTING = frozenset("#'`\\")

_FUNCTIONS = """
abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max clamp_min cos cosh
count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv exp floor histogram_count
histogram_fraction histogram_quantile histogram_sum holt_winters hour idelta increase irate label_join label_replace
last_over_time ln log10 log2 mad_over_time max_over_time min_over_time minute month pi predict_linear present_over_time
quantile_over_time rad rate resets round scalar sgn sin sinh sort sort_by_label sort_by_label_desc sort_desc sqrt
stddev_over_time stdvar_over_time sum_over_time tan tanh time timestamp vector year
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())
"""Functions of PromQL that read only what their arguments give; info() reads series that it does not name."""


class QueryHolder:
    """Rewrites the queries of one asker."""

    def __init__(self, scope: Scope) -> None:
        self._scope, self._groups = scope, groups()
        self._writer = QueryWriter(self._held, FUNCTIONS)

    def query(self, text: str) -> str:
        """The query with every selector held; raises QueryRefused."""
        return self._writer.text(_parsed(text))

    def selector(self, text: str) -> str:
        """As `query`, for a `match[]`: a single selector of series, without time."""
        node = _parsed(text)
        if not isinstance(node, promql.VectorSelector) or node.offset is not None or node.at is not None:
            raise QueryRefused(f"match[]={text}: write a selector of series, as study_patients")
        return self._writer.text(node)

    def everything(self) -> list[str]:
        """Selectors of all that the asker sees, for labels that are asked for without `match[]`."""
        if self._scope.role == "coordinator":
            return []
        totals = self._groups[TOTALS]
        study = [_matcher(pin) for pin in pins(self._scope, min(totals), self._groups)]
        found = [selector_text([("__name__", "=~", "|".join(sorted(totals))), *study])]
        return found if self._scope.role == "public" else [*found, selector_text(self._held(None, []))]

    def sees(self, name: str) -> bool:
        """Whether the asker may know that there are series of this name."""
        if self._scope.role == "coordinator":
            return True
        return name in self._groups[TOTALS] or (self._scope.role != "public" and name.startswith(STUDY_PREFIX))

    def _held(self, name: str | None, matchers: list[tuple[str, str, str]]) -> Matchers:
        try:
            wanted = pins(self._scope, name, self._groups)
        except NotVisible as problem:
            raise QueryRefused(str(problem)) from None
        return [*matchers, *(_matcher(pin) for pin in wanted)]


def _matcher(pin: Pin) -> tuple[str, str, str]:
    # Who reaches nothing is held to a value that no id can have: an empty pattern would find series without the label.
    return (pin.label, "=~", pin.pattern) if pin.values else (pin.label, "=", "/nothing/")


def _parsed(text: str) -> Any:
    if len(text) > LONGEST or _operators(text) > MOST_OPERATORS:
        too_long = f"the query is longer than {LONGEST} characters or {MOST_OPERATORS} operators"
        raise QueryRefused(f"{too_long}: choose fewer sites, or ask in parts")
    try:
        return promql.parse(text)
    except ValueError as problem:
        raise QueryRefused(f"is no PromQL: {problem}") from None


def _operators(text: str) -> int:
    """Those of a choice of many sites stand in strings, where nothing nests.

    Strings are left out only where nothing else is that could hide an operator in what we take for one.
    """
    outside = text if _OTHER_QUOTING & set(text) else _PLAIN_STRING.sub("", text)
    return len(_OPERATOR.findall(outside))
