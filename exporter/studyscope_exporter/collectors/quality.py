"""How well the study's algorithm segments, from each patient's latest comparison."""

from __future__ import annotations

from studyscope_contract.catalogue import quality
from studyscope_contract.metric import Table
from studyscope_exporter.collectors.cells import Contribution, buckets, many_cells
from studyscope_exporter.collectors.cohort import Collector, StudyRecords
from studyscope_exporter.collectors.rows import latest


def _measure(table: Table, column: str) -> Collector:
    def collect(records: StudyRecords, structure: str) -> Contribution:
        rows = records.agreements
        rows = rows[(rows["code"] == structure) & rows[column].notna()].drop_duplicates("patient_key", keep="last")
        return buckets(table, rows["patient_key"], rows[column])

    return collect


def label_noise(records: StudyRecords, _: str) -> Contribution:
    rows = latest(records.agreements[records.agreements["noise"].notna()], "comparison_key")
    named = rows.assign(noise=rows["noise"].str.split()).explode("noise").dropna(subset=["noise"])
    found = many_cells(named["patient_key"], named["noise"])
    clean = frozenset({("none",)})
    return {patient: found.get(patient, clean) for patient in rows["patient_key"]}


COLLECTORS: dict[str, Collector] = {
    quality.STRUCTURE_DICE.id: _measure(quality.STRUCTURE_DICE, "dice"),
    quality.STRUCTURE_SURFACE_DICE.id: _measure(quality.STRUCTURE_SURFACE_DICE, "surface_dice"),
    quality.STRUCTURE_HAUSDORFF.id: _measure(quality.STRUCTURE_HAUSDORFF, "hausdorff_mm"),
    quality.STRUCTURE_VOLUME_DIFFERENCE.id: _measure(quality.STRUCTURE_VOLUME_DIFFERENCE, "volume_difference"),
    quality.LABEL_NOISE.id: label_noise,
}
