"""Which cells of which table each patient of a study is in: the exact input of disclosure control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from studyscope_contract.metric import Kind, Table, TableKey, Unit
from studyscope_contract.study import Study
from studyscope_exporter.disclosure.errors import ContributionsProblem
from studyscope_exporter.disclosure.neighbours import Neighbour

Cell = tuple[str, ...]
KEY_BYTES = 16
POPULATION = TableKey("population")


@dataclass(frozen=True)
class Contributions:
    """Per table: patient key (16 bytes) -> cells. Exact, and only ever seen on the site.

    A table of the whole population names every patient of `population`; one of a sub-population
    names some of them. A table that has no source is left out. `beside` are the other studies of the hospital.
    """

    tables: Mapping[TableKey, Mapping[bytes, frozenset[Cell]]] = field(repr=False)
    beside: tuple[Neighbour, ...] = ()


def amounts(table: Table) -> tuple[Cell, ...]:
    """Every amount that one patient can add to a magnitude, 1 to the table's clip, as cells."""
    return tuple((str(amount),) for amount in range(1, table.clip + 1))


def check(contributions: Contributions, study: Study) -> None:
    """Raises ContributionsProblem unless every table, patient and cell is one that `study` allows.

    No local variable here holds patients, so that no trace can show one.
    """
    tables = dict(study.tables())
    if POPULATION not in contributions.tables:
        raise ContributionsProblem("population", "is missing")
    if any(len(patient) != KEY_BYTES for patient in contributions.tables[POPULATION]):
        raise ContributionsProblem("population", f"a patient key is not {KEY_BYTES} bytes long")
    for key in contributions.tables:
        table = tables.get(key)
        if table is None or table.unit is not Unit.PATIENT:
            raise ContributionsProblem(str(key), "is not a patient table of this study")
        if table.kind is Kind.TWO_WAY:
            raise ContributionsProblem(str(key), "is crossed from two tables here; nobody contributes to it")
        _check_patients(key, table, contributions)
        codes = amounts(table) if table.kind is Kind.MAGNITUDE else study.codes(table)
        for cells in set(contributions.tables[key].values()):
            _check_cells(key, table, cells, codes)


def _check_patients(key: TableKey, table: Table, contributions: Contributions) -> None:
    if not contributions.tables[key].keys() <= contributions.tables[POPULATION].keys():
        raise ContributionsProblem(str(key), "holds a patient who is not in the population")
    if not table.subpopulation and len(contributions.tables[key]) != len(contributions.tables[POPULATION]):
        raise ContributionsProblem(str(key), "lacks a patient of the population; every patient needs a cell here")


def _check_cells(key: TableKey, table: Table, cells: frozenset[Cell], codes: tuple[Cell, ...]) -> None:
    if not cells or not cells <= set(codes):
        raise ContributionsProblem(str(key), "a patient has no cell, or one that the study's code list does not have")
    if table.kind in (Kind.POPULATION, Kind.PARTITION, Kind.HISTOGRAM, Kind.MAGNITUDE) and len(cells) != 1:
        raise ContributionsProblem(str(key), "a patient is in more than one cell")
    if table.kind is Kind.NESTED and cells != set(codes[: len(cells)]):
        raise ContributionsProblem(str(key), "a patient is in a later cell without those before it")
