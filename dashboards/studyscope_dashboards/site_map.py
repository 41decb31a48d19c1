"""The map of sites. It fetches nothing: the base layer is a file that Grafana itself serves."""

from __future__ import annotations

from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import bargauge, common, geomap
from grafana_foundation_sdk.models import common as choices
from grafana_foundation_sdk.models.geomap import TooltipMode

from studyscope_contract.catalogue import centre
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import setting, transformed
from studyscope_dashboards.palette import STATE_COLOURS
from studyscope_dashboards.panels import bars, house, now, rows

COUNTRIES = "public/maps/countries.geojson"


class Sign(NamedTuple):
    """A marker of Grafana's, how large it is drawn in pixels, and the same in a text."""

    marker: str
    size: int
    text: str


SIGNS = {
    "fresh": Sign("circle", 9, "●"),
    "late": Sign("triangle", 9, "▲"),
    "silent": Sign("x-mark", 9, "✕"),
    "never_reported": Sign("square", 9, "■"),
    "retracted": Sign("circle", 5, "•"),
    "paused": Sign("star", 9, "★"),
    "frozen": Sign("cross", 9, "✚"),
    "withdrawn": Sign("plane", 9, "✈"),
    "closed": Sign("square", 5, "▪"),
}
"""A sign for each state, so that the map can be read without colours; `sites_in_each_state` is its legend."""


def site_map(panel_id: int) -> geomap.Panel:
    """Every registered site where it is, by state."""
    panel = house(
        geomap.Panel(),
        panel_id,
        "Sites by state",
        "Every registered site at its place; colour and sign say whether it reports. The map works without the internet.",
    )
    for position, state in enumerate(centre.SITE_STATES):
        here = f"{q.of_sites(centre.SITE_INFO.name)} and {q.PER_SITE} {q.in_state(state)}"
        panel = panel.with_target(rows(f"max by (site, name, city, latitude, longitude) ({here})", _ref(position)))
    numbers = [{"targetField": field, "destinationType": "number"} for field in ("latitude", "longitude")]
    not_in_tooltip = [setting("custom.hideFrom", {"tooltip": True, "viz": False, "legend": False})]
    names = {"name": "Hospital", "city": "City", "site": "Site"}
    return (
        panel.transformations(
            [
                transformed("convertFieldType", conversions=numbers, fields={}),
                transformed("organize", renameByName=names, excludeByName={"Time": True}, indexByName={}),
            ]
        )
        .basemap(common.MapLayerOptions().type("geojson").name("Countries").config(_countries()))
        .layers([_layer(state, position) for position, state in enumerate(centre.SITE_STATES)])
        .view(geomap.MapViewConfig().id("coords").lat(50).lon(11).zoom(5))
        .controls(geomap.ControlsOptions().show_zoom(True).show_attribution(False).mouse_wheel_zoom(False).show_scale(False))
        .tooltip(geomap.TooltipOptions().mode(TooltipMode.DETAILS))
        .override_by_regexp("latitude|longitude|Value.*", not_in_tooltip)
    )


def _ref(position: int) -> str:
    return "ABCDEFGHIJ"[position]


def _countries() -> dict[str, Any]:
    line = {"color": {"fixed": "#8E949B"}, "opacity": 0.25, "lineWidth": 1}
    return {"src": COUNTRIES, "rules": [], "style": line, "symbology": "simple"}


def _layer(state: str, position: int) -> common.MapLayerOptions:
    sign = SIGNS[state]
    style = {
        "color": {"fixed": STATE_COLOURS[state]},
        "opacity": 0.95,
        "size": {"fixed": sign.size, "min": sign.size, "max": sign.size},
        "symbol": {"mode": "fixed", "fixed": f"img/icons/marker/{sign.marker}.svg"},
        "symbolAlign": {"horizontal": "center", "vertical": "center"},
    }
    location = (
        common.FrameGeometrySource().mode(choices.FrameGeometrySourceMode.COORDS).latitude("latitude").longitude("longitude")
    )
    return (
        common.MapLayerOptions()
        .type("markers")
        .name(f"{SIGNS[state].text} {state.replace('_', ' ')}")
        .config({"showLegend": False, "style": style})
        .location(location)
        .filter_data({"id": "byRefId", "options": _ref(position)})
        .tooltip(True)
    )


def sites_in_each_state(panel_id: int) -> bargauge.Panel:
    """How many of the chosen sites are in each state; with the signs of the map, whose legend it is."""
    panel = bars(panel_id, "Sites in each state", "How many sites are in each state, with the signs and colours of the map.")
    for position, state in enumerate(centre.SITE_STATES):
        words = f"{SIGNS[state].text} {state.replace('_', ' ')}"
        panel = panel.with_target(now(f"count({q.in_state(state)})", words, _ref(position)))
        colour = [setting("color", {"mode": "fixed", "fixedColor": STATE_COLOURS[state]})]
        panel = panel.override_by_query(_ref(position), colour)
    return panel.decimals(0)
