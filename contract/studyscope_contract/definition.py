"""Whether a table means the same in two versions of a study."""

from __future__ import annotations

from typing import Any

from studyscope_contract.canonical import content_hash
from studyscope_contract.catalogue import annotation
from studyscope_contract.catalogue.follow_up import FOLLOW_UP_INTERVAL, LESION_CHANGE
from studyscope_contract.catalogue.subgroups import SUBGROUP
from studyscope_contract.metric import Table, TableKey
from studyscope_contract.study import Study

LISTS = {
    "structure": "structures",
    "landmark": "landmarks",
    "classifier": "classifiers",
    "workflow": "workflows",
    "time_point": "time_points",
    "variable": "variables",
}
SAYS_NO_RULE = frozenset({"title", "published"})  # a structure's label is one of its spellings
OF_NO_STRUCTURE = frozenset({FOLLOW_UP_INTERVAL.id, LESION_CHANGE.id, *(table.id for table in annotation.TABLES)})


def definition(study: Study, key: TableKey, table: Table) -> str:
    """Names what `table` counts in `study`: who belongs to it, its cells, and the rule of the entry that it is about.

    Two sites' numbers may be added only under the same definition. A title or a target changes none.
    """
    whole = _rules(study)
    entries = whole[LISTS[table.per]] or [] if table.per in LISTS else []  # an attribute's name says all of it
    parts = {
        "cells": study.codes(table),
        "cohort": whole["cohort"],
        "about": [entry for entry in entries if key.per in (entry.get("id"), entry.get("code"))],
    }
    if SUBGROUP.id in table.labels:
        parts["subgroup"] = whole["subgroup"]
    if table.id == FOLLOW_UP_INTERVAL.id:
        parts["time_points"] = whole["time_points"]
    of_segmentations = not table.per and table.id not in OF_NO_STRUCTURE and (table.subpopulation or "stage" in table.labels)
    if of_segmentations:  # which structures the study names decides who is segmented, and what is extra
        parts["structures"] = whole["structures"]
    if of_segmentations or table.per == "structure":
        parts["algorithm"] = whole["algorithm"]
    return content_hash(_as_text(parts))


def _rules(study: Study) -> dict[str, Any]:
    """The parts of the file that say who counts and how, without words for people.

    What says nothing is left out, so that a later release with one more rule names the same study by the same hash.
    """
    names = ("cohort", "algorithm", "subgroup", *LISTS.values())
    given = study.model_dump(mode="json", include=set(names), exclude_defaults=True)
    return {name: _without_titles(given.get(name)) for name in names}


def _without_titles(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_titles(inner) for name, inner in value.items() if name not in SAYS_NO_RULE}
    if isinstance(value, list):
        return [_without_titles(inner) for inner in value]
    return value


def _as_text(value: Any) -> Any:
    """Floats as texts: a canonical content holds none."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {name: _as_text(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_text(inner) for inner in value]
    return value
