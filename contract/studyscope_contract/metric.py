"""What a table or series of the system is: its name, unit, kind, labels and closed codes.

`catalogue/` lists every one of them; nothing else can be published.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What a table counts. There is no other unit."""

    PATIENT = "patient"  # protected by privacy.md
    REPORTED = "reported"  # exact by protocol, two approvers
    SITE_FACT = "site_fact"  # configuration, never patient data


class Kind(StrEnum):
    """How patients fall into a table's cells (privacy.md 2.0, 2.4)."""

    POPULATION = "population"  # one cell, everybody
    PARTITION = "partition"  # exactly one cell per contributing patient
    MULTI = "multi"  # any set of cells per patient
    NESTED = "nested"  # a set of cells in which each implies those before it
    HISTOGRAM = "histogram"  # one value per patient; cells are buckets with fixed edges
    MAGNITUDE = "magnitude"  # a clipped sum over patients
    TWO_WAY = "two_way"  # a declared crossing of two dimensions


@dataclass(frozen=True)
class Dimension:
    """One label of a table and its closed codes, in the order in which people read them."""

    label: str
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Within:
    """Whoever is in `cells` of one table is in one of the cells `of` in another; without codes, anywhere in that table.

    The other is `table` for the same structure, workflow or classifier, or for `per` where that is named. `only`: of the
    tables with this fact it is one for that structure, or attribute, alone.
    """

    table: str
    of: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    per: str = ""
    only: str = ""


@dataclass(frozen=True)
class Table:
    """One table of the catalogue.

    `per` names the label whose values come from the study file (structure, workflow): the table
    then exists once for each of them. `subpopulation`: not every patient of the study contributes.
    `sensitive`: a cell beside which fewer than the threshold are is withheld too (privacy.md 2.4).
    """

    id: str
    metric: str
    kind: Kind
    unit: Unit
    help: str
    rule: str  # how one patient contributes, one sentence
    dimensions: tuple[Dimension, ...] = ()
    per: str | None = None
    subpopulation: bool = False
    sensitive: bool = False
    fixed_at_admission: bool = False  # never recomputed for a patient who was counted once
    crosses: tuple[str, ...] = ()  # ids of the two tables that a two-way table is made of
    clip: int = 0  # the most that one patient adds to a magnitude
    within: tuple[Within, ...] = ()
    of_readers: bool = False  # tells of the work of people too: nothing until a policy declares it with its legal basis
    reportable: bool = False  # a site whose protocol obliges it may show it with unit `reported`; no attribute of a patient

    @property
    def cells(self) -> tuple[tuple[str, ...], ...]:
        """Every cell that the table can have, as codes in the order of the dimensions."""
        cells: list[tuple[str, ...]] = [()]
        for dimension in self.dimensions:
            cells = [(*cell, code) for cell in cells for code in dimension.codes]
        return tuple(cells)

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names of its series, beside study and site."""
        return (*((self.per,) if self.per else ()), *(dimension.label for dimension in self.dimensions))


@dataclass(frozen=True, order=True)
class TableKey:
    """One table of one study: `sex`, or `structure_volume:liver` for a table per structure."""

    table: str
    per: str = ""

    def __str__(self) -> str:
        return f"{self.table}:{self.per}" if self.per else self.table

    @classmethod
    def parse(cls, text: str) -> TableKey:
        table, _, per = text.partition(":")
        return cls(table, per)


def edges(*upper: float) -> tuple[str, ...]:
    """Upper edges of histogram buckets as canonical floats, the open last bucket added."""
    return (*(str(float(edge)) for edge in upper), "+Inf")


@dataclass(frozen=True)
class Series:
    """One series that the centre itself derives; nothing in it comes from a patient but through a table."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    type: str = "gauge"
