"""The map of sites. It fetches nothing: the base layer is a file that Grafana itself serves."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import common, geomap
from grafana_foundation_sdk.models import common as choices
from grafana_foundation_sdk.models.geomap import TooltipMode

from studyscope_contract.catalogue import centre
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import setting, transformed
from studyscope_dashboards.palette import STATE_COLOURS
from studyscope_dashboards.panels import house, rows

COUNTRIES = "public/maps/countries.geojson"

SIGNS = {
    "fresh": "circle",
    "late": "triangle",
    "silent": "x-mark",
    "never_reported": "square",
    "retracted": "x-mark",
    "paused": "star",
    "frozen": "cross",
    "withdrawn": "x-mark",
    "closed": "square",
}
"""A sign for each state, so that the map can be read without colours."""

SIGNS_IN_TEXT = {"circle": "●", "triangle": "▲", "x-mark": "✕", "square": "■", "star": "★", "cross": "✚"}
"""The same signs for the legend, whose pictures Grafana sometimes draws before they are loaded."""


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
    style = {
        "color": {"fixed": STATE_COLOURS[state]},
        "opacity": 0.95,
        "size": {"fixed": 9, "min": 9, "max": 9},
        "symbol": {"mode": "fixed", "fixed": f"img/icons/marker/{SIGNS[state]}.svg"},
        "symbolAlign": {"horizontal": "center", "vertical": "center"},
    }
    location = (
        common.FrameGeometrySource().mode(choices.FrameGeometrySourceMode.COORDS).latitude("latitude").longitude("longitude")
    )
    return (
        common.MapLayerOptions()
        .type("markers")
        .name(f"{SIGNS_IN_TEXT[SIGNS[state]]} {state.replace('_', ' ')}")
        .config({"showLegend": True, "style": style})
        .location(location)
        .filter_data({"id": "byRefId", "options": _ref(position)})
        .tooltip(True)
    )
