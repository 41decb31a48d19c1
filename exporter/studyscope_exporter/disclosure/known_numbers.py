"""What exact numbers, reported under a protocol, say of the protected versions beside them (privacy.md, Reported numbers).

A reader of such numbers is taken to know them over the very patients that each version is tabulated
over: everybody in it, those at each stage, and any part of the patients that is as large as a
reported one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind
from studyscope_exporter.disclosure.history import Release, Reported
from studyscope_exporter.disclosure.world import NO_LIMIT, Placed, World


def know_reported(world: World, release: Release, one: Placed, size: int) -> None:
    """Adds to what is known of `one`, a version of `release`; `size` is the variable of everybody in the study then."""
    if not release.reported:
        return
    if world.truth[size] == NO_LIMIT:
        world.truth[size] = everybody_in(release.reported)
    if world.truth[size] != NO_LIMIT:
        world.make_public([size])
    table = TABLES[one.version.key.table]
    if one.total == size or world.truth[one.total] in set(_counts(release.reported)):
        world.make_public([one.total])
    for place, part in enumerate(table.crosses):
        if part == "stage" and not {"stage", "reached"}.isdisjoint(key.table for key in release.reported):
            for code in dict.fromkeys(cell[place] for cell in one.cells):
                world.make_public(variable for cell, variable in one.cells.items() if cell[place] == code)


def everybody_in(reported: Reported) -> int:
    """How many are in the study, as a reported table of all of them says; NO_LIMIT without one."""
    for key, cells in reported.items():
        if not TABLES[key.table].subpopulation:
            return sum(cells.values()) if TABLES[key.table].kind is Kind.PARTITION else max(cells.values(), default=0)
    return NO_LIMIT


def _counts(reported: Reported) -> Iterator[int]:
    """Every number of patients that follows: the cells, and in a partition those at a stage or beyond it."""
    for key, cells in reported.items():
        yield from cells.values()
        if TABLES[key.table].kind is Kind.PARTITION:
            codes = TABLES[key.table].cells
            yield from accumulate(cells.get(code, 0) for code in reversed(codes))
