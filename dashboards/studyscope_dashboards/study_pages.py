"""A study's own pages: what its file selects, in its order, in a folder of its own beside the pages of all studies.

UnknownPanel    the study file names a page or a panel that there is not
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studyscope_contract.study import PageChoice, Study
from studyscope_dashboards.page import pages_as_read

Page = dict[str, Any]
_COLUMNS = 24
_LONGEST_UID = 40
_HIDDEN = 2


class UnknownPanel(Exception):
    """A page or panel that the study file names does not exist."""

    def __init__(self, study: str, what: str, name: str, known: Sequence[str]) -> None:
        self.study, self.what, self.name = study, what, name
        super().__init__(f"study {study}: dashboards: there is no {what} {name!r}; allowed: {', '.join(known)}")


def panel_name(panel: Mapping[str, Any]) -> str:
    """The name under which a study file speaks of a panel: its title in small letters, without its variables."""
    words = re.sub(r"[$][a-z]+|'", "", str(panel["title"]).lower())
    return "-".join(re.findall(r"[a-z0-9]+", words))


def panel_names(pages: Mapping[str, Page]) -> dict[str, list[str]]:
    """Names of the panels of every page, in the order of the page."""
    return {uid: [panel_name(panel) for panel in page["panels"]] for uid, page in pages.items()}


def study_pages(study: Study, pages: Mapping[str, Page]) -> list[Page]:
    """The pages of the study's folder; none where its file chooses none. Raises UnknownPanel."""
    uids = {choice.page: study_uid(study.id, choice.page) for choice in study.dashboards}
    return [_study_page(study, choice, pages, uids) for choice in study.dashboards]


def study_uid(study: str, page: str) -> str:
    """Grafana takes at most forty characters; a longer one is cut and told apart by its hash."""
    uid = f"{study}-{page}"
    if len(uid) <= _LONGEST_UID:
        return uid
    return f"{uid[: _LONGEST_UID - 9]}-{hashlib.sha256(uid.encode()).hexdigest()[:8]}"


def _study_page(study: Study, choice: PageChoice, pages: Mapping[str, Page], uids: Mapping[str, str]) -> Page:
    if choice.page not in pages:
        raise UnknownPanel(study.id, "page", choice.page, sorted(pages))
    page = _linked(copy.deepcopy(pages[choice.page]), uids)
    tag = f"studyscope-{study.id}"
    page["uid"], page["title"], page["tags"] = uids[choice.page], f"{study.title}: {page['title']}", [tag]
    for link in page["links"]:
        link["tags"] = [tag] if link["tags"] else []
    for variable in page["templating"]["list"]:
        if variable["name"] == "study":
            variable["regex"], variable["hide"] = f"/^{re.escape(study.id)}$/", _HIDDEN
    if choice.panels or choice.hide:
        page["panels"] = _flowing(_chosen(study, choice, page["panels"]))
    return page


def _linked(page: Page, uids: Mapping[str, str]) -> Page:
    """Links to pages that the study shows lead to the study's; the others stay."""
    text = json.dumps(page)
    for name, uid in uids.items():
        text = text.replace(f'"/d/{name}?', f'"/d/{uid}?')
    linked: Page = json.loads(text)
    return linked


def _chosen(study: Study, choice: PageChoice, panels: Sequence[Page]) -> list[Page]:
    by_name = {panel_name(panel): panel for panel in panels}
    for name in (*choice.panels, *choice.hide):
        if name not in by_name:
            raise UnknownPanel(study.id, f"panel of {choice.page}", name, list(by_name))
    if choice.panels:
        return [by_name[name] for name in dict.fromkeys(choice.panels)]
    return [panel for name, panel in by_name.items() if name not in choice.hide]


def _flowing(panels: Sequence[Page]) -> list[Page]:
    """From left to right, each as wide and high as it was; what is next to one another fills the row."""
    rows: list[list[Page]] = [[]]
    for panel in panels:
        if sum(other["gridPos"]["w"] for other in rows[-1]) + panel["gridPos"]["w"] > _COLUMNS:
            rows.append([])
        rows[-1].append(panel)
    y = 0
    for row in rows:
        height, wide, x = max(panel["gridPos"]["h"] for panel in row), sum(panel["gridPos"]["w"] for panel in row), 0
        for panel in row:
            width = _COLUMNS - x if panel is row[-1] else panel["gridPos"]["w"] * _COLUMNS // wide
            _move_inside(panel, y - panel["gridPos"]["y"])
            panel["gridPos"] = {"x": x, "y": y, "w": width, "h": height}
            x += width
        y += height
    return list(panels)


def _move_inside(row: Page, down: int) -> None:
    """What a closed row holds moves with it."""
    for panel in row.get("panels") or ():
        panel["gridPos"] = panel["gridPos"] | {"y": panel["gridPos"]["y"] + down}


def write_study_pages(folder: Path, studies: Sequence[Study]) -> dict[str, Path]:
    """Writes `folder`/<study>/<page>.json for each study that chooses pages; the folders by study. Raises UnknownPanel."""
    pages = pages_as_read()
    written = {}
    for study in studies:
        chosen = study_pages(study, pages)
        if not chosen:
            continue
        written[study.id] = folder / study.id
        written[study.id].mkdir(parents=True, exist_ok=True)
        for old in written[study.id].glob("*.json"):
            old.unlink()
        for choice, page in zip(study.dashboards, chosen, strict=True):
            text = json.dumps(page, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
            (written[study.id] / f"{choice.page}.json").write_text(text, encoding="utf-8")
    return written
