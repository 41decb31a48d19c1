"""What annotating one patient's images took."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AnnotationEffort:
    """Over all of a patient's annotations; what no line states is None or empty."""

    rounds: int
    interactions: frozenset[str]  # codes of catalogue.annotation.INTERACTIONS
    draft_dice: float | None
    minutes: float | None
    readers: frozenset[str] = field(repr=False)  # keyed hashes
