"""Patients and their cells as arrays, so that two snapshots are compared in one step.

A roster is a sorted array of patient keys; a column gives, for each of its patients, the number of
their answer (a set of cells) in a list shared by all tables, or ABSENT.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.contributions import KEY_BYTES, POPULATION, Cell, Contributions

Roster = NDArray[np.bytes_]
Column = NDArray[np.int32]
Answer = frozenset[Cell]
Places = NDArray[np.intp]
ABSENT = -1


class Exact(int):
    """A number of patients; it computes as any other and shows itself in no trace, log or repr."""

    def __repr__(self) -> str:
        return "exact"


def roster_of(keys: Iterable[bytes]) -> Roster:
    return np.frombuffer(b"".join(sorted(keys)), dtype=f"S{KEY_BYTES}")


@dataclass(frozen=True)
class Census:
    """What was counted for one grid point."""

    roster: Roster = field(repr=False)
    columns: Mapping[TableKey, Column] = field(repr=False)


def encoded(contributions: Contributions, known: tuple[Answer, ...]) -> tuple[Census, tuple[Answer, ...]]:
    """The contributions as columns, and the list of answers, which begins with the `known` ones."""
    numbers = {answer: number for number, answer in enumerate(known)}
    patients = sorted(contributions.tables[POPULATION])
    place = {patient: index for index, patient in enumerate(patients)}
    columns: dict[TableKey, Column] = {}
    for key, answers in contributions.tables.items():
        # Sorted, because a set's order differs between processes and the state must not.
        for answer in sorted(set(answers.values()) - numbers.keys(), key=sorted):
            numbers[answer] = len(numbers)
        column = np.full(len(patients), ABSENT, dtype=np.int32)
        at = np.fromiter(map(place.__getitem__, answers), dtype=np.intp, count=len(answers))
        column[at] = np.fromiter(map(numbers.__getitem__, answers.values()), dtype=np.int32, count=len(answers))
        columns[key] = column
    return Census(roster_of(patients), columns), tuple(numbers)


def places(old: Roster, new: Roster) -> Places:
    """Where each patient of `old` stands in `new`, which holds them all."""
    return np.searchsorted(new, old)


def moved_to(column: Column, at: Places, size: int) -> Column:
    """`column` over a roster of `size` patients, of whom those it is about stand `at` these places."""
    moved = np.full(size, ABSENT, dtype=np.int32)
    moved[at] = column
    return moved


def counted(column: Column, answers: tuple[Answer, ...]) -> dict[Cell, Exact]:
    """Patients in each cell."""
    counts: dict[Cell, Exact] = {}
    for number, patients in enumerate(np.bincount(column[column != ABSENT], minlength=len(answers)).tolist()):
        if patients:
            for cell in answers[number]:
                counts[cell] = Exact(counts.get(cell, 0) + patients)
    return counts
