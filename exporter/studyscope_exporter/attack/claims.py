"""What an attacker would like to prove: that a group exists and is small, or how many are in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from studyscope_contract.metric import Kind
from studyscope_exporter.attack.background import Deduction
from studyscope_exporter.attack.placing import POPULATION, Placed
from studyscope_exporter.attack.puzzle import Terms


@dataclass(frozen=True)
class Claim:
    """A group of people, as a sum of unknowns, in words, with the grid point of its version."""

    what: str
    grid_point: int
    k: int
    terms: Terms


def groups(deduction: Deduction) -> list[Claim]:
    """Every group that must not be proven to be 1..k-1: cells that are not shown, complements, and all that is not shown."""
    found: list[Claim] = []
    for versions in deduction.versions.values():
        for one in versions:
            named = f"{one.key} on grid point {one.grid_point}"
            found += [Claim(f"{named}: {what}", one.grid_point, one.parameters.k, terms) for what, terms in _of(one)]
    return found


def _of(one: Placed) -> Iterator[tuple[str, Terms]]:
    kind, cells = one.table.kind, one.cells
    hidden = [cell for cell in cells if cell not in one.shown]
    if one.key == POPULATION:
        return
    for cell in hidden:
        yield " ".join(cell), ((cells[cell], 1),)
    for cell in cells if kind is not Kind.HISTOGRAM else ():
        if cells[cell] != one.total:
            yield f"not {' '.join(cell)}", ((one.total, 1), (cells[cell], -1))
    if kind in (Kind.PARTITION, Kind.TWO_WAY) and len(hidden) > 1:
        yield "all that is not shown", tuple((cells[cell], 1) for cell in hidden)
    if kind is Kind.NESTED:
        for wider, narrower in pairwise(cells):
            yield f"at {' '.join(wider)}, no further", ((cells[wider], 1), (cells[narrower], -1))
    if one.table.subpopulation:
        yield "everybody of whom it tells", ((one.total, 1),)
        yield "everybody of whom it does not tell", ((one.size, 1), (one.total, -1))
    if kind is Kind.TWO_WAY:
        yield from _of_subgroups(one)


def _of_subgroups(one: Placed) -> Iterator[tuple[str, Terms]]:
    for code in dict.fromkeys(cell[-1] for cell in one.cells):
        inside = {cell: unknown for cell, unknown in one.cells.items() if cell[-1] == code}
        hidden = tuple((unknown, 1) for cell, unknown in inside.items() if cell not in one.shown)
        if len(hidden) > 1:
            yield f"of {code}, all that is not shown", hidden
        for cell in inside:
            yield f"of {code}, not {' '.join(cell[:-1])}", tuple((u, 1) for other, u in inside.items() if other != cell)


def shown_numbers(deduction: Deduction) -> list[Claim]:
    """Every number that was shown: nobody must learn it more exactly than that."""
    return [
        Claim(f"{one.key} on grid point {one.grid_point}: {' '.join(cell)}", one.grid_point, one.parameters.k, ((unknown, 1),))
        for versions in deduction.versions.values()
        for one in versions
        if one.table.kind is not Kind.HISTOGRAM
        for cell, unknown in one.cells.items()
        if cell in one.shown
    ]


def batches(deduction: Deduction) -> list[Claim]:
    """The change of every cell from one version to the next."""
    found = []
    for key, versions in deduction.versions.items():
        for before, after in pairwise(versions):
            for cell, unknown in after.cells.items():
                what = f"{key}: {' '.join(cell)} from grid point {before.grid_point} to {after.grid_point}"
                found.append(Claim(what, after.grid_point, after.parameters.k, ((unknown, 1), (before.cells[cell], -1))))
    return found
