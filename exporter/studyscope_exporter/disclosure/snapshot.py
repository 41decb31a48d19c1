"""One table over a frozen set of patients, and how far today's contributions are from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from studyscope_exporter.disclosure.census import ABSENT, Answer, Column, Exact, Places, counted, moved_to
from studyscope_exporter.disclosure.contributions import Cell


@dataclass(frozen=True, repr=False, eq=False)
class Snapshot:
    """What a table was or will be counted from.

    `column` runs over the state's roster. `departed` holds, per cell, patients who withdrew since:
    their rows are erased, the anonymous count stays until the next version; `gone` is how many.
    """

    column: Column
    departed: Mapping[Cell, int] = field(default_factory=dict)
    gone: int = 0

    def counts(self, answers: tuple[Answer, ...]) -> dict[Cell, Exact]:
        counts = counted(self.column, answers)
        for cell, patients in self.departed.items():
            counts[cell] = Exact(counts.get(cell, 0) + patients)
        return counts

    @property
    def patients(self) -> Exact:
        return Exact(np.count_nonzero(self.column != ABSENT) + self.gone)

    def over(self, at: Places, size: int) -> Snapshot:
        return replace(self, column=moved_to(self.column, at, size))

    def only(self, kept: np.typing.NDArray[np.bool_]) -> Snapshot:
        return replace(self, column=self.column[kept])

    def renumbered(self, numbers: Column) -> Snapshot:
        """With answer n written as `numbers[n]`; the last entry stands for ABSENT."""
        return replace(self, column=numbers[self.column])

    def without(self, index: int, answers: tuple[Answer, ...]) -> Snapshot:
        """With the patient's row erased and an anonymous count in its place."""
        if self.column[index] == ABSENT:
            return self
        departed = dict(self.departed)
        for cell in answers[self.column[index]]:
            departed[cell] = departed.get(cell, 0) + 1
        column = self.column.copy()
        column[index] = ABSENT
        return Snapshot(column, departed, self.gone + 1)


def joins_and_leaves(now: Snapshot | None, members: Column) -> int:
    """Distinct patients who are in one of both and not in the other.

    Those who withdrew cannot come back (a keyed mark keeps them out), so they are counted once.
    """
    if now is None:
        return int(np.count_nonzero(members != ABSENT))
    return int(np.count_nonzero((now.column != ABSENT) != (members != ABSENT))) + now.gone


def changed(now: Snapshot | None, column: Column, *, residues: bool) -> int:
    """Distinct patients whose answer differs; `residues`: those who withdrew leave the table with it."""
    if now is None:
        return int(np.count_nonzero(column != ABSENT))
    return int(np.count_nonzero(now.column != column)) + (now.gone if residues else 0)


def kept_from_admission(now: Snapshot | None, column: Column, allowed: np.typing.NDArray[np.bool_]) -> Column:
    """`column`, but with the first answer of everybody who has one that the code list still `allowed`."""
    if now is None:
        return column
    stays = (now.column != ABSENT) & (column != ABSENT) & allowed[now.column]
    return np.where(stays, now.column, column).astype(np.int32)
