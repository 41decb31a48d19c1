"""One exact measure of results, for the staff of the hospital alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One number: of which structure, landmark or classifier, over how many patients."""

    subject: str
    name: str
    patients: int
    value: float
