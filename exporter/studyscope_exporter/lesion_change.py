"""What became of a patient's lesions between two days."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class LesionChange:
    """Numbers of one patient's lesions: there on both days, only on the later one, only on the earlier one."""

    matched: int
    new: int
    gone: int

    @classmethod
    def between(cls, before: frozenset[str], now: frozenset[str]) -> Self:
        """From the lesions' names on each of the two days."""
        return cls(len(before & now), len(now - before), len(before - now))

    @property
    def names(self) -> tuple[str, ...]:
        """Codes of the table `lesion_change` that hold for the patient."""
        found = tuple(name for name in ("matched", "new", "gone") if getattr(self, name))
        return found or ("none",)

    def counts(self) -> tuple[int, int, int]:
        matched, new, gone = astuple(self)
        return matched, new, gone
