"""Which table holds which kind of result, and the parts that a result consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from studyscope_exporter.records import (
    Agreement,
    Classification,
    Comparison,
    Job,
    LandmarkError,
    LandmarkResult,
    Segmentation,
    StructureVolume,
)

Result = Segmentation | Comparison | LandmarkResult | Classification | Job


@dataclass(frozen=True)
class ResultTable:
    """One kind of result: its table with a key `{name}_key`, and where its parts are kept, "" for none."""

    name: str
    record: type[Result]
    parts: str = ""  # field of the record
    part_table: str = ""
    part: type | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self.record) if field.name != self.parts)

    @property
    def part_columns(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self.part)) if self.part else ()


RESULT_TABLES: Mapping[type[Result], ResultTable] = MappingProxyType(
    {
        table.record: table
        for table in (
            ResultTable("segmentation", Segmentation, "structures", "structure", StructureVolume),
            ResultTable("comparison", Comparison, "agreements", "agreement", Agreement),
            ResultTable("landmarks", LandmarkResult, "landmarks", "landmark", LandmarkError),
            ResultTable("classification", Classification),
            ResultTable("job", Job),
        )
    }
)
OF_AN_IMAGE = ("segmentation", "comparison", "landmarks", "classification")
"""Results that may know a study or series before the inventory knows whose these are."""
