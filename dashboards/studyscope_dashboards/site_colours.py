"""The colour and stroke of a site's line: the same on every page, readable for every kind of colour vision.

Generated pages do not know the sites, so the code decides: its first letter gives the colour, its last one the stroke. Two
sites can come out alike; the legend and the pointer tell them apart, and a colour never stands alone.
"""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as models

from studyscope_dashboards.fields import setting
from studyscope_dashboards.palette import BLUE, GREEN, GREY, OLIVE, ORANGE, PETROL, PINK, RUST

_BY_FIRST = {
    "ab": BLUE,
    "cdef": ORANGE,
    "ghi": GREEN,
    "jkl": PINK,
    "mno": RUST,
    "pqr": PETROL,
    "stu": OLIVE,
    "vwxyz": GREY,
}
_BY_LAST: dict[str, list[int] | None] = {"a-g": None, "h-n": [10, 6], "o-z0-9": [2, 6]}


def site_styles() -> list[tuple[str, list[models.DynamicConfigValue]]]:
    """Overrides for series that are called like sites, as a pattern of the name and what it sets."""
    colours = [
        (f"/^[{letters}][a-z0-9-]*$/", [setting("color", {"mode": "fixed", "fixedColor": colour})])
        for letters, colour in _BY_FIRST.items()
    ]
    strokes = [
        (f"/^[a-z][a-z0-9-]*[{letters}]$/", [setting("custom.lineStyle", {"fill": "dash", "dash": dash})])
        for letters, dash in _BY_LAST.items()
        if dash is not None
    ]
    pool = ("/^all sites$/", [setting("color", {"mode": "fixed", "fixedColor": "text"}), setting("custom.lineWidth", 4)])
    covers = ("/ sites · /", [setting("color", {"mode": "fixed", "fixedColor": GREY})])
    return [*colours, *strokes, pool, covers]
