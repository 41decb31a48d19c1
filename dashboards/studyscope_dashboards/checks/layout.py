"""Ids and places of panels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = 24


def all_panels(page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every panel and row, those inside of rows too."""
    for panel in page["panels"]:
        yield panel
        yield from panel.get("panels") or ()


def layout_problems(page: Mapping[str, Any]) -> Iterator[str]:
    """Ids that appear twice, panels that overlap or leave the grid of 24 columns."""
    ids: set[int] = set()
    taken: dict[tuple[int, int], str] = {}
    for panel in all_panels(page):
        title, place = panel.get("title", ""), panel["gridPos"]
        if panel["id"] in ids:
            yield f"{title}: id {panel['id']} is another panel's, too"
        ids.add(panel["id"])
        if place["x"] + place["w"] > COLUMNS:
            yield f"{title}: reaches beyond column {COLUMNS}"
        cells = [(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])]
        for other in sorted({taken[cell] for cell in cells if cell in taken}):
            yield f"{title}: overlaps {other}"
        taken.update(dict.fromkeys(cells, title))
