"""Small steps that every collector takes from a frame to contributions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from math import isnan
from typing import TYPE_CHECKING

from studyscope_contract.metric import Table

if TYPE_CHECKING:
    import pandas as pd

Contribution = dict[bytes, frozenset[tuple[str, ...]]]
"""One table: patient key → the cells that the patient is in."""


def one_cell(patients: Iterable[bytes], codes: Iterable[str]) -> Contribution:
    """One cell per patient, of a table with one dimension."""
    given = list(codes)
    cells = {code: frozenset({(code,)}) for code in set(given)}
    return {patient: cells[code] for patient, code in zip(patients, given, strict=True)}


def many_cells(patients: Iterable[bytes], codes: Iterable[str]) -> Contribution:
    """Every cell that is named beside the patient; a patient may appear again and again."""
    found: dict[bytes, set[tuple[str, ...]]] = {}
    for patient, code in zip(patients, codes, strict=True):
        found.setdefault(patient, set()).add((code,))
    return {patient: frozenset(cells) for patient, cells in found.items()}


def buckets(table: Table, patients: Iterable[bytes], values: Iterable[float]) -> Contribution:
    """One bucket of a histogram per patient; an edge belongs to the bucket under it, NaN contributes nowhere."""
    names = table.dimensions[0].codes
    edges = [float(name) for name in names]
    known = [
        (patient, names[bisect_left(edges, value)]) for patient, value in zip(patients, values, strict=True) if not isnan(value)
    ]
    return one_cell((patient for patient, _ in known), (name for _, name in known))


def amounts(table: Table, per_patient: pd.Series[int]) -> Contribution:
    """How much each patient adds to a magnitude, clipped; the series is by patient key."""
    clipped = per_patient.clip(upper=table.clip)
    return one_cell(clipped.index, (str(amount) for amount in clipped))
