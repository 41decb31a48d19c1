"""Small steps that every collector takes from a frame to contributions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from studyscope_contract.metric import Table

Contribution = dict[bytes, frozenset[tuple[str, ...]]]
"""One table: patient key → the cells that the patient is in."""


def one_cell(patients: Iterable[bytes], codes: Iterable[str]) -> Contribution:
    """One cell per patient, of a table with one dimension."""
    return {patient: frozenset({(code,)}) for patient, code in zip(patients, codes, strict=True)}


def many_cells(patients: Iterable[bytes], codes: Iterable[str]) -> Contribution:
    """Every cell that is named beside the patient; a patient may appear again and again."""
    found: dict[bytes, set[tuple[str, ...]]] = {}
    for patient, code in zip(patients, codes, strict=True):
        found.setdefault(patient, set()).add((code,))
    return {patient: frozenset(cells) for patient, cells in found.items()}


def bucket(table: Table, value: float) -> str:
    """The upper edge of the bucket of a histogram that holds `value`; an edge belongs to the bucket under it."""
    edges = table.dimensions[0].codes
    return edges[bisect_left([float(edge) for edge in edges], value)]


def buckets(table: Table, patients: Iterable[bytes], values: Iterable[float]) -> Contribution:
    """One bucket per patient; a value that is no number (NaN) contributes nowhere."""
    return {
        patient: frozenset({(bucket(table, value),)})
        for patient, value in zip(patients, values, strict=True)
        if value == value  # noqa: PLR0124 - NaN differs from itself
    }
