"""The choices at the top of a page, filled into its queries as Grafana fills them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studyscope_dashboards.look.answers import Answers, Span

_LABEL_VALUES = re.compile(r"label_values\((?P<series>.+),\s*(?P<label>\w+)\)", re.S)


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with $name and ${name} replaced, longest names first so that $site is not taken out of $site_name."""
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(f"${{{name}}}", values[name]).replace(f"${name}", values[name])
    return text


def choices(page: Mapping[str, Any], answers: Answers, span: Span, preset: Mapping[str, str]) -> list[dict[str, str]]:
    """Every way of choosing that a page is looked at with.

    A variable that can stand for all does; `site`, where it cannot, takes every site in turn; any
    other takes its first value. `preset` values stand whatever the page would find.
    """
    ways: list[dict[str, str]] = [_builtin(span)]
    for variable in page["templating"]["list"]:
        name = variable["name"]
        if variable["type"] != "query":
            continue
        if name in preset or variable.get("includeAll"):
            values = [preset.get(name, variable.get("allValue"))]
        else:
            values = offered(variable, answers, span, ways[0]) or [""]
            values = values if name == "site" else values[:1]
        ways = [way | {name: str(value)} for way in ways for value in values]
    return ways


def offered(variable: Mapping[str, Any], answers: Answers, span: Span, chosen: Mapping[str, str]) -> list[str]:
    """The values of a variable that asks for the values of a label."""
    query = variable["query"]
    asked = _LABEL_VALUES.fullmatch(query["query"] if isinstance(query, dict) else query)
    if asked is None:
        raise ValueError(f"variable {variable['name']} asks for something else than label_values(series, label)")
    label = asked["label"]
    answer = answers.ask(f"group by ({label}) ({filled(asked['series'], chosen)})", span, instant=True)
    return sorted(series[label] for series in answer.series if series.get(label))


def _builtin(span: Span) -> dict[str, str]:
    seconds = int(span.end - span.start)
    step = f"{int(span.step)}s"
    return {"__range": f"{seconds}s", "__range_s": str(seconds), "__interval": step, "__rate_interval": step}
