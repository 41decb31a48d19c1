"""Numbers of another endpoint of the house, for the staff of this hospital only: none of them is ever published."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from prometheus_client.parser import text_string_to_metric_families

from studyscope_exporter.inventory import Inventory

MOST_SAMPLES = 1000
_LONGEST_TEXT = 100
_GAUGES = frozenset({"gauge", "unknown", "untyped"})


@dataclass(frozen=True, slots=True)
class LocalGauge:
    """One sample: the name and the labels as the other endpoint gives them."""

    name: str
    labels: str  # as in `modality="CT"`, "" without any
    value: float


@dataclass(frozen=True)
class Page:
    """What a page of gauges held of what is wanted, and what was left out, by reason."""

    gauges: tuple[LocalGauge, ...]
    ignored: dict[str, int] = field(default_factory=dict)


@runtime_checkable
class TellsGauges(Protocol):
    """A source that keeps gauges of another endpoint."""

    name: str

    def gauges(self, inventory: Inventory) -> list[LocalGauge]: ...


def read_page(text: str, wanted: Collection[str]) -> Page:
    """The wanted gauges in the text format of Prometheus; raises ValueError where it is none."""
    gauges: dict[tuple[str, str], LocalGauge] = {}
    ignored: dict[str, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            reason = _reason(family.type, sample.name, sample.value, wanted)
            if not reason and len(gauges) >= MOST_SAMPLES:
                reason = "too many"
            if reason:
                ignored[reason] = ignored.get(reason, 0) + 1
                continue
            labels = _labels(sample.labels)
            gauges[sample.name, labels] = LocalGauge(sample.name, labels, float(sample.value))
    return Page(tuple(gauges.values()), ignored)


def kept_gauges(inventory: Inventory, note: str) -> list[LocalGauge]:
    """What the last pass kept."""
    return [LocalGauge(*one) for one in json.loads(inventory.note(note) or b"[]")]


def keep_gauges(inventory: Inventory, note: str, gauges: Collection[LocalGauge]) -> None:
    kept = [(one.name, one.labels, one.value) for one in gauges]
    inventory.keep_note(note, json.dumps(kept).encode())


def _reason(kind: str, name: str, value: float, wanted: Collection[str]) -> str:
    if name not in wanted:
        return "not on the list"
    if kind not in _GAUGES:
        return "no gauge"
    return "" if math.isfinite(value) else "no number"


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f'{name[:_LONGEST_TEXT]}="{value[:_LONGEST_TEXT]}"' for name, value in sorted(labels.items()))
