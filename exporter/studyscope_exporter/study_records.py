"""The exact records of one study at one site: the inventory, and the lists that people keep."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import Any

from studyscope_contract.study import Study
from studyscope_exporter.collectors.cohort import StudyRecords, nobody
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.sources.annotation import annotation_efforts
from studyscope_exporter.sources.clinical import clinical_values
from studyscope_exporter.sources.lesions import lesion_changes
from studyscope_exporter.sources.roster import expected_patients
from studyscope_exporter.sources.sequences import told_sequences
from studyscope_exporter.sources.tracker import tracked_patients


def study_records(
    inventory: Inventory,
    study: Study,
    now: dt.datetime,
    settings: Sequence[Any],
    sources: Sequence[str] | None,
    withdrew: Callable[[Collection[bytes]], frozenset[bytes]] = nobody,
) -> StudyRecords:
    """As the last scan found them; `settings` are of every source of the site, `sources` names the study's, None for all."""

    def of_kind(kind: str) -> list[str]:
        return [one.name for one in settings if one.kind == kind and (sources is None or one.name in sources)]

    return StudyRecords(
        inventory,
        study,
        now,
        None if sources is None else frozenset(sources),
        roster=expected_patients(inventory, of_kind("roster")),
        tracked=tracked_patients(inventory, of_kind("tracker")),
        lesion_changes=lesion_changes(inventory, of_kind("lesions")),
        annotations=annotation_efforts(inventory, of_kind("annotation")),
        clinical=clinical_values(inventory, of_kind("clinical")),
        sequences=told_sequences(inventory, of_kind("sequences")),
        withdrew=withdrew,
    )
