"""What happens to a query's answer before it is drawn: joined, put into columns, worded and coloured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.models import dashboard as models

from studyscope_dashboards.palette import STATE_COLOURS, STATE_WORDS

SITE_LINK = "/d/site?${__url_time_range}&var-datasource=${datasource}&var-study=${study}&var-site=${__value.raw}"


def transformed(transformation: str, **options: Any) -> models.DataTransformerConfig:
    """A transformation of Grafana's, by its id."""
    return models.DataTransformerConfig(id_val=transformation, options=options)


def columns(*shown: tuple[str, str], hidden: Sequence[str] = ()) -> list[models.DataTransformerConfig]:
    """Joins the rows of all queries and shows `(field, heading)` in this order; the rest must be named in `hidden`."""
    options = {
        "excludeByName": {name: True for name in ("Time", *hidden)},
        "indexByName": {name: position for position, (name, _) in enumerate(shown)},
        "renameByName": dict(shown),
    }
    return [transformed("merge"), transformed("organize", **options)]


def by_site(label: str, codes: Sequence[str] = ()) -> list[models.DataTransformerConfig]:
    """One row per site and one column per value of `label`, in the order of `codes`."""
    matrix = transformed("groupingToMatrix", columnField=label, rowField="site", valueField="Value", emptyValue="null")
    order = {name: position for position, name in enumerate((f"site\\{label}", *codes))}
    rename = {f"site\\{label}": "Site"}
    named = transformed("organize", indexByName=order, excludeByName={}, renameByName=rename)
    return [matrix, named, transformed("sortBy", fields={}, sort=[{"field": "Site"}])]


def setting(key: str, value: Any) -> models.DynamicConfigValue:
    """One property of a field override."""
    return models.DynamicConfigValue(id_val=key, value=value)


def code_words(words_of: Mapping[str, str], colour_of: Mapping[str, str] | None = None) -> list[models.ValueMapping]:
    """Value mappings that show codes as words."""
    colour_of = colour_of or {}
    options = {
        code: models.ValueMappingResult(text=word, color=colour_of.get(code), index=position)
        for position, (code, word) in enumerate(words_of.items())
    }
    return [models.ValueMap(options=options)]


def no_number_as(words: str) -> models.ValueMapping:
    """The mapping that shows a row without a number as `words`."""
    match = models.SpecialValueMatch.NULL_AND_NAN
    options = models.DashboardSpecialValueMapOptions(match=match, result=models.ValueMappingResult(text=words))
    return models.SpecialValueMap(options=options)


def state_column(heading: str) -> tuple[str, list[models.DynamicConfigValue]]:
    """The override of a table column that holds a site's state."""
    cell = {"type": "color-text"}
    return heading, [
        setting("mappings", code_words(STATE_WORDS, STATE_COLOURS)),
        setting("custom.cellOptions", cell),
        setting("custom.width", 150),
    ]


def site_link_column(heading: str) -> tuple[str, list[models.DynamicConfigValue]]:
    """The override of a table column that holds a site's code: a link to the site's page, same study and time."""
    return heading, [
        setting("custom.width", 125),
        setting("links", [{"title": "Open the site's page", "url": SITE_LINK, "targetBlank": False}]),
    ]


def shading(most: float, nothing: str) -> list[models.DynamicConfigValue]:
    """Override for per cents in a table: the more, the deeper the blue; `nothing` stands where there is no number."""
    return [
        setting("unit", "percent"),
        setting("decimals", 0),
        setting("noValue", nothing),
        setting("color", {"mode": "continuous-blues"}),
        setting("min", 0),
        setting("max", most),
        setting("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
        setting("custom.align", "center"),
    ]


def colour_overrides(colour_of: Mapping[str, str]) -> list[tuple[str, list[models.DynamicConfigValue]]]:
    """Overrides that give each series its colour by name."""
    return [(name, [setting("color", {"mode": "fixed", "fixedColor": colour})]) for name, colour in colour_of.items()]
