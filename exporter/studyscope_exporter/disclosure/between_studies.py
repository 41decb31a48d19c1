"""What two studies of a hospital say together of those who are in one of them only (privacy.md 1.2 A12, attack T16).

Whoever has both subtracts. Those of one study only are taken as a study of their own, of which nothing is shown: its
tables hang together as those of any other, and whatever it holds is protected, version by version. Those of both only
become more, cell by cell and stage by stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, TableKey
from studyscope_exporter.disclosure.history import Apart, Release, TableVersion
from studyscope_exporter.disclosure.over_days import (
    Counting,
    counted_alike,
    counts_in_common,
    near,
    negative,
    one_after_the_other,
)
from studyscope_exporter.disclosure.world import NO_LIMIT, Group, Placed, World

Versions = Mapping[TableKey, Sequence[Placed]]


def alone(releases: Sequence[Release], other: str, today: Mapping[TableKey, Apart]) -> list[Release]:
    """The releases of those who were not in study `other`, as if under a threshold that nobody reaches, and without batches.

    Where there never was anybody that is known: it stands in the files of the studies. Of a version that does not tell it, as
    many as are in a cell `today` are supposed, as far as it has room for them.
    """
    aparts = [[(version, _apart(version, other, today)) for version in release.tables] for release in releases]
    anybody = any(apart is not None and apart.patients for tables in aparts for _, apart in tables)
    found = []
    for release, tables in zip(releases, aparts, strict=True):
        parameters = release.parameters.model_copy(update={"s": NO_LIMIT if anybody else 1, "m": 0})
        versions = [
            TableVersion(version.key, version.epoch, version.codes, {}, apart.cells, apart.patients, days=version.days)
            for version, apart in tables
            if apart is not None
        ]
        found.append(Release(release.grid_point, parameters, tuple(versions)))
    return found


def _apart(version: TableVersion, other: str, today: Mapping[TableKey, Apart]) -> Apart | None:
    table = TABLES[version.key.table]
    if table.kind is Kind.MAGNITUDE:
        return None  # a sum says nothing of how many are in one study only
    if other in version.apart:
        return version.apart[other]
    now = today.get(version.key)
    if now is None:
        return None
    cells = {cell: min(int(now.cells.get(cell, 0)), int(version.exact.get(cell, 0))) for cell in version.codes}
    several = table.kind in (Kind.MULTI, Kind.NESTED)
    return Apart(min(now.patients, version.patients) if several else sum(cells.values()), cells)


@dataclass(frozen=True)
class Told:
    """One of two studies: its versions, those of its people who are in it only, and what to call these."""

    versions: Versions
    alone: Versions
    name: str

    def both(self, key: TableKey) -> list[Counting]:
        """The versions of a table of which it is known who is in this study only."""
        only = {one.grid_point: one for one in self.alone.get(key, ())}
        return [Counting(one, only[one.grid_point]) for one in self.versions.get(key, ()) if one.grid_point in only]


def between_studies(world: World, here: Told, there: Told) -> None:
    """Adds how every number of the one study bounds those of the other; and the buckets of those who are in one only."""
    for side in (here, there):
        for key in side.versions:
            for one in side.both(key):
                _inside(world, one, side.name)
            for before, after in pairwise(side.both(key)):
                _only_more(world, before, after)
    for key in here.versions:
        for other in there.versions:
            if counted_alike(key, other):
                for pair in near(here.both(key), there.both(other)):
                    one_after_the_other(world, *pair)


def _inside(world: World, one: Counting, name: str) -> None:
    """Nobody is in a cell in one study only who is not in that cell; nor outside of it."""
    kind = TABLES[one.all.version.key.table].kind
    whole = [cells for cells, _ in counts_in_common(one.all, one.all)]
    for cells in whole if kind is Kind.HISTOGRAM else [[cell] for cell in one.all.cells]:
        world.know(0, NO_LIMIT, one.of(cells))
        if kind in (Kind.MULTI, Kind.NESTED):
            world.know(0, NO_LIMIT, one.outside(cells))
        if kind is Kind.HISTOGRAM and one.all.version.shown:
            bucket = one.of_alone(cells)
            of = f"{name}{one.all.version.key} at grid point {one.all.grid_point}"
            world.groups.append(Group(f"{of}: up to {' '.join(cells[-1])}", bucket))


def _only_more(world: World, before: Counting, after: Counting) -> None:
    """Who is in both studies and had got so far, or had this answer, stays."""
    for then, now in counts_in_common(before.all, after.all):
        world.know(0, NO_LIMIT, (*after.of(now), *negative(before.of(then))))
