"""The study's own subgroups, from the site's clinical table; crossings with outcomes are made by disclosure control."""

from __future__ import annotations

from collections.abc import Sequence

from studyscope_contract.catalogue import subgroups
from studyscope_contract.code_list import NOT_STATED, OTHER
from studyscope_contract.protocol import Subgroup
from studyscope_exporter.collectors.cells import Contribution, one_cell
from studyscope_exporter.collectors.cohort import Collector, StudyRecords
from studyscope_exporter.collectors.completeness import code_of


def subgroup(records: StudyRecords, _: str) -> Contribution:
    asked = records.study.subgroup
    said = (records.clinical or {}).get(asked.id) if asked else None
    if asked is None or said is None:  # no table of the site has a column for it
        return {}
    return one_cell(records.patients, (_group(asked, said.get(patient, ())) for patient in records.patients))


def _group(asked: Subgroup, texts: Sequence[str]) -> str:
    code = code_of(asked, texts)
    return OTHER if code is None else code or NOT_STATED


COLLECTORS: dict[str, Collector] = {subgroups.SUBGROUP.id: subgroup}
