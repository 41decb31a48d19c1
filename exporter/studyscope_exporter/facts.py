"""The site's facts: configuration and the state of the installation, never anything about a patient."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from studyscope_contract.catalogue import (
    annotation,
    classification,
    completeness,
    follow_up,
    imaging,
    jobs,
    landmarks,
    progress,
    quality,
    segmentation,
    subgroups,
)
from studyscope_contract.learning import LearningRounds
from studyscope_contract.metric import Table, TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import Offer, SiteFacts
from studyscope_contract.study import Study
from studyscope_exporter.release_number import release_number

KINDS_THAT_FILL: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        (table.id for table in (*progress.TABLES, *follow_up.TABLES, *imaging.TABLES, *completeness.TABLES)),
        frozenset({"folder", "dicomweb", "kaapana", "images"}),
    ),
    progress.ROSTER_STATE.id: frozenset({"roster"}),
    follow_up.LESION_CHANGE.id: frozenset({"lesions"}),
    **dict.fromkeys((table.id for table in annotation.TABLES), frozenset({"annotation"})),
    completeness.VARIABLE_COMPLETENESS.id: frozenset({"clinical"}),
    subgroups.SUBGROUP.id: frozenset({"clinical"}),
    **dict.fromkeys((table.id for table in segmentation.TABLES), frozenset({"folder", "dicomweb", "kaapana", "nifti"})),
    segmentation.LESIONS.id: frozenset({"folder", "dicomweb", "kaapana", "nifti"}),
    **dict.fromkeys((table.id for table in quality.TABLES), frozenset({"pairs"})),
    **dict.fromkeys((quality.STRUCTURE_DICE.id, quality.STRUCTURE_VOLUME_DIFFERENCE.id), frozenset({"pairs", "nnunet_summary"})),
    **dict.fromkeys((table.id for table in landmarks.TABLES), frozenset({"landmarks"})),
    **dict.fromkeys((table.id for table in classification.TABLES), frozenset({"classification"})),
    **dict.fromkeys((table.id for table in jobs.TABLES), frozenset({"jobs", "airflow", "kaapana"})),
}
"""Which kinds of source can fill a table, by table id; a site with none of them says `no_source`."""

LOW_UNDER, OK_FROM = 0.05, 0.10
"""Free shares of the state volume; two, so that a volume near the limit does not change its mind each day."""


def site_facts(
    study: Study,
    policy: Policy,
    sources_up: Mapping[str, bool],
    unapproved: Collection[TableKey],
    storage: Literal["ok", "low"],
    learning: LearningRounds | None = None,
) -> SiteFacts:
    """The facts of one study; `sources_up` is by kind of source."""
    waiting = {key.table for key in unapproved}
    tables = [table for _, table in study.tables() if policy.declares(table)]
    offers = {table.id: _offer(table, policy, frozenset(sources_up), waiting) for table in tables}
    return SiteFacts(
        release=release_number(),
        study_version=study.version,
        sources=dict(sources_up),
        storage=storage,
        tables=offers,
        learning=learning,
    )


def storage_state(folder: Path, before: str | None) -> Literal["ok", "low"]:
    """Whether the volume of `folder` is low on space, given what was said of it before."""
    usage = shutil.disk_usage(folder)
    free = usage.free / usage.total
    if before == "low":
        return "ok" if free >= OK_FROM else "low"
    return "low" if free < LOW_UNDER else "ok"


def _offer(table: Table, policy: Policy, kinds: frozenset[str], waiting: Collection[str]) -> Offer:
    if table.id in policy.refuse:
        return "refused"
    if any(not KINDS_THAT_FILL[part] & kinds for part in table.crosses or (table.id,)):
        return "no_source"
    return "not_approved" if table.id in waiting else "offered"
