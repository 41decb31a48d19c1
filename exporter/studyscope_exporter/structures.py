"""Names of segmented structures as files give them, and their volumes by that name."""

from __future__ import annotations

from collections.abc import Iterable

from studyscope_exporter.records import StructureVolume

LONGEST_NAME = 64


def structure_name(text: str, fallback: str) -> str:
    """`text` in lower case, without surrounding or doubled blanks, at most 64 characters; else `fallback`."""
    return " ".join(text[: 16 * LONGEST_NAME].lower().split())[:LONGEST_NAME].rstrip() or fallback


def summed_by_name(volumes: Iterable[tuple[str, float]]) -> tuple[StructureVolume, ...]:
    """One StructureVolume (ml) per name in order of first mention.

    Parts that carry one name (three segments "Lesion") are one structure with the sum of their volumes.
    """
    totals: dict[str, float] = {}
    for name, volume_ml in volumes:
        totals[name] = totals.get(name, 0.0) + volume_ml
    return tuple(StructureVolume(name, volume_ml) for name, volume_ml in totals.items())
