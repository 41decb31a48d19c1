"""Exact measures of segmented structures: agreement with another reading, volumes, lesions, confusion, ensembles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np

from studyscope_exporter.collectors.cohort import StudyRecords
from studyscope_exporter.collectors.measure import Measure
from studyscope_exporter.collectors.rows import of_patients
from studyscope_exporter.quality.decisions import selective_risk_area

if TYPE_CHECKING:
    import pandas as pd

_LIMITS_OF_AGREEMENT = 1.96
_MEDIANS = (
    ("dice", "Dice, median", 1.0),
    ("surface_dice", "surface Dice, median", 1.0),
    ("hausdorff_mm", "Hausdorff distance (95 %), median, mm", 1.0),
    ("volume_difference", "volume difference, median, %", 100.0),
)


def structure_measures(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    """Of each structure of the study, over each patient's latest comparison."""
    agreements, ensembles = of_patients(records.agreements, admitted), of_patients(records.ensembles, admitted)
    for structure in records.study.structures:
        subject, rows = f"structure {structure.code}", agreements[agreements["code"] == structure.code]
        for column, name, scale in _MEDIANS:
            known = _latest(rows, column)[column]
            if len(known):
                yield Measure(subject, name, len(known), scale * float(known.median()))
        yield from _volumes(subject, _latest(rows, "reference_ml"))
        yield from _lesions(subject, _latest(rows, "instances"))
        yield from _confusion(subject, rows.drop_duplicates("patient_key", keep="last"))
        yield from _ensemble(subject, _latest(ensembles[ensembles["code"] == structure.code], "dice"), _latest(rows, "dice"))


def _latest(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    return rows[rows[column].notna()].drop_duplicates("patient_key", keep="last")


def _volumes(subject: str, rows: pd.DataFrame) -> Iterator[Measure]:
    """Bias and limits of agreement (Bland and Altman, Lancet 1986)."""
    if len(rows) > 1:
        gaps = (rows["volume_ml"] - rows["reference_ml"]).to_numpy(float)
        yield Measure(subject, "volume above the other reading's, mean, ml", len(rows), float(gaps.mean()))
        yield Measure(subject, "limits of agreement, ± ml", len(rows), _LIMITS_OF_AGREEMENT * float(gaps.std(ddof=1)))


def _lesions(subject: str, rows: pd.DataFrame) -> Iterator[Measure]:
    """Recognition and segmentation quality (Kirillov et al., CVPR 2019) over the lesions of all patients."""
    found, there, matched = (float(rows[name].sum()) for name in ("instances", "reference_instances", "matched_instances"))
    if found or there:
        yield Measure(subject, "lesions recognised (F1 at IoU over 0.5)", len(rows), 2.0 * matched / (found + there))
    if matched:
        together = float((rows["matched_iou"] * rows["matched_instances"]).sum())
        yield Measure(subject, "IoU of matched lesions, mean", len(rows), together / matched)


def _confusion(subject: str, rows: pd.DataFrame) -> Iterator[Measure]:
    counted = Counter(name for name in rows["confused_with"] if name)
    for name, cases in sorted(counted.items()):
        yield Measure(subject, f"is {name} in the other reading, %", len(rows), 100.0 * cases / len(rows))


def _ensemble(subject: str, members: pd.DataFrame, compared: pd.DataFrame) -> Iterator[Measure]:
    """How much the members of an ensemble agree, and whether that tells failures (Zenk et al., Med Image Anal 2025)."""
    if not len(members):
        return
    yield Measure(subject, "Dice between members of the ensemble, median", len(members), float(members["dice"].median()))
    both = members[["patient_key", "dice"]].merge(compared[["patient_key", "dice"]], on="patient_key", suffixes=("", "_reached"))
    area = selective_risk_area(both["dice"].to_numpy(float), 1.0 - both["dice_reached"].to_numpy(float))
    if area is not None:
        risk = float(np.mean(1.0 - both["dice_reached"]))
        yield Measure(subject, "area under the risk-coverage curve, by the ensemble", len(both), area)
        yield Measure(subject, "the same without knowing which to trust", len(both), risk)
