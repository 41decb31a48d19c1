"""Sums over patients: how much each adds, and whether one or two of them are most of it (privacy.md 2.6).

A patient's amount is an answer like any other, the cell `("7",)`, so that batches, withdrawals and the
state treat it as they treat codes; the sum is made where the numbers are shown.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from studyscope_contract.metric import Table
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.census import ABSENT, Answer, Column, Exact
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.snapshot import Snapshot

P_PERCENT = 10
"""What the others add must be at least this share of the largest amount, or the second largest could bound it."""

DOMINANCE_PERCENT = 90
"""The two largest amounts may be at most this share of the sum."""


def summed_up(patients: Mapping[Cell, int]) -> Exact:
    """The sum, from how many patients add each amount."""
    return Exact(sum(int(amount) * count for (amount,), count in patients.items()))


def shown_sum(table: Table, patients: Mapping[Cell, int], parameters: Parameters) -> int | None:
    """The number that is shown; None under the threshold of patients or where somebody dominates."""
    if sum(patients.values()) < parameters.s or lopsided({int(amount): n for (amount,), n in patients.items()}):
        return None
    return parameters.published_sum(summed_up(patients), table.clip)


def lopsided(patients: Mapping[int, int]) -> bool:
    """Whether the p % rule or the (2, 90 %) dominance rule forbids the sum of these amounts, given by how many add each."""
    total = sum(amount * count for amount, count in patients.items())
    largest, second = _two_largest(patients)
    too_close = 100 * (total - largest - second) < P_PERCENT * largest
    return too_close or 100 * (largest + second) > DOMINANCE_PERCENT * total


def lopsided_increment(before: Snapshot | None, column: Column, answers: tuple[Answer, ...]) -> bool:
    """The same of what changed since the version before, patient by patient; who withdrew took their amount away."""
    amount_of = np.array([*(_amount(answer) for answer in answers), 0], dtype=np.int64)
    assert amount_of[ABSENT] == 0
    now = amount_of[column]
    then = np.zeros(len(column), dtype=np.int64) if before is None else amount_of[before.column]
    steps, patients = np.unique(np.abs(now - then), return_counts=True)
    changes = dict(zip(steps.tolist(), patients.tolist(), strict=True))
    for (amount,), gone in ({} if before is None else before.departed).items():
        changes[int(amount)] = changes.get(int(amount), 0) + gone
    changes.pop(0, None)
    return not changes or lopsided(changes)


def _two_largest(patients: Mapping[int, int]) -> tuple[int, int]:
    largest = max((amount for amount, count in patients.items() if count), default=0)
    if patients.get(largest, 0) > 1:
        return largest, largest
    return largest, max((amount for amount, count in patients.items() if count and amount < largest), default=0)


def _amount(answer: Answer) -> int:
    """0 for an answer of another table."""
    codes = [code for cell in answer for code in cell]
    return int(codes[0]) if len(codes) == 1 and codes[0].isdecimal() else 0
