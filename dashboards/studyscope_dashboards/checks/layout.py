"""Ids, places and titles of panels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = 24
NARROWEST = 1264
"""Pixels that a page's panels share on a screen of 1280."""
_FRAME_OF_TITLE, _LETTER = 75, 6.9
"""Pixels, as Grafana draws them: what a title loses to frame and signs, and a letter of it on average."""
_LETTERS_OF_A_NAME = 16
"""For which a title leaves room where it names a structure or classifier of the study."""


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
        yield from _title_problems(panel)
        cells = [(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])]
        for other in sorted({taken[cell] for cell in cells if cell in taken}):
            yield f"{title}: overlaps {other}"
        taken.update(dict.fromkeys(cells, title))


def _title_problems(panel: Mapping[str, Any]) -> Iterator[str]:
    """Grafana cuts a title that is too long, and what is cut often is what tells two panels apart."""
    title = panel.get("title", "")
    letters = len(re.sub(r"\$\w+", "x" * _LETTERS_OF_A_NAME, title))
    room = int((NARROWEST * panel["gridPos"]["w"] / COLUMNS - _FRAME_OF_TITLE) / _LETTER)
    if letters > room and panel.get("type") != "row":
        yield f"{title}: takes {letters} letters, the panel has room for {room}: shorten the title or widen the panel"
