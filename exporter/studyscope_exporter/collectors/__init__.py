"""Records in, patient-level contributions per table out: pure, exact, never leaving the site.

Each module holds the tables of the catalogue's module of the same name, one function a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from studyscope_contract.metric import Kind, TableKey
from studyscope_exporter.collectors import (
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
from studyscope_exporter.collectors.cells import Contribution
from studyscope_exporter.collectors.cohort import Collector, Frames, StudyRecords

__all__ = ["COLLECTORS", "Frames", "StudyRecords", "collect"]

COLLECTORS: Mapping[str, Collector] = MappingProxyType(
    progress.COLLECTORS
    | follow_up.COLLECTORS
    | imaging.COLLECTORS
    | completeness.COLLECTORS
    | segmentation.COLLECTORS
    | annotation.COLLECTORS
    | quality.COLLECTORS
    | landmarks.COLLECTORS
    | classification.COLLECTORS
    | jobs.COLLECTORS
    | subgroups.COLLECTORS
)
"""One function for every table of the catalogue, by the table's id; two-way ones are crossed by disclosure control."""


def collect(records: StudyRecords) -> dict[TableKey, Contribution]:
    """Every table of the study, exact."""
    return {
        key: COLLECTORS[key.table](records, key.per) for key, table in records.study.tables() if table.kind is not Kind.TWO_WAY
    }
