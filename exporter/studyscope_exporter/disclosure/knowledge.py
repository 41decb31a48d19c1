"""Everything that was ever shown, as constraints: what each version says of its own cells (privacy.md 2.8)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, TableKey
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.between_studies import Told, alone, between_studies
from studyscope_exporter.disclosure.contributions import POPULATION, Cell
from studyscope_exporter.disclosure.history import Beside, Release, TableVersion
from studyscope_exporter.disclosure.known_numbers import know_reported
from studyscope_exporter.disclosure.known_remainders import know_remainders
from studyscope_exporter.disclosure.links import between_tables, over_time, sizes_of, stages_over_time
from studyscope_exporter.disclosure.world import NO_LIMIT, Group, Placed, World


def world_of(releases: Sequence[Release], beside: Sequence[Beside] = ()) -> World:
    """The constraints and groups of every release, the candidate included; and what other studies say of the same patients."""
    world = World()
    ours = _told(world, releases)
    for key, versions in ours.items():
        world.newest.update({(key, cell): variable for cell, variable in versions[-1].cells.items()})
    for one in beside:
        theirs = _told(world, one.history, f"in {one.there}: ")
        names = f"in {one.here} and not in {one.there}: ", f"in {one.there} and not in {one.here}: "
        only_here = _told(world, alone(releases, one.there, one.today[0]), names[0])
        only_there = _told(world, alone(one.history, one.here, one.today[1]), names[1])
        for alone_in_one in (only_here, only_there):
            world.apart.extend(one.total for one in alone_in_one.get(POPULATION, ()))
        between_studies(world, Told(ours, only_here, names[0]), Told(theirs, only_there, names[1]))
    return world


def _told(world: World, releases: Sequence[Release], whose: str = "") -> dict[TableKey, list[Placed]]:
    """What one study has told; `whose` people they are stands before the name of each group."""
    sizes, of_tables = dict[int, int](), sizes_of(releases)
    placed: dict[TableKey, list[Placed]] = {}
    for release in releases:
        for version in sorted(release.tables, key=_everybody_first):
            one = _placed(world, version, release, sizes)
            know_reported(world, release, one, sizes[version.epoch])
            _inside(world, one, sizes[version.epoch])
            _groups(world, one, f"{whose}{version.key} at grid point {release.grid_point}")
            placed.setdefault(version.key, []).append(one)
        between_tables(world, release, placed, of_tables)
    for key, versions in placed.items():
        over_time(world, key, versions)
    stages_over_time(world, placed)
    world.sizes.extend(sizes.values())
    return placed


def _everybody_first(version: TableVersion) -> tuple[bool, bool]:
    return TABLES[version.key.table].subpopulation, version.key != POPULATION


def _placed(world: World, version: TableVersion, release: Release, sizes: dict[int, int]) -> Placed:
    table, parameters, point = TABLES[version.key.table], release.parameters, release.grid_point
    if version.key == POPULATION:
        low, high = parameters.bounds(version.shown.get(()))
        size = _size(world, sizes, version.epoch, version.patients)
        world.know(low, high, [(size, 1)])
        return Placed(version, parameters, {(): size}, size, point)
    if not table.subpopulation:
        total = _size(world, sizes, version.epoch, version.patients)
    else:
        _size(world, sizes, version.epoch, NO_LIMIT)
        total = world.variable(0, NO_LIMIT, version.patients)
    cells = {}
    for cell, count in _counted(version, table.kind).items():
        cells[cell] = world.variable(*_bounds(version, cell, count, parameters), count)
    return Placed(version, parameters, cells, total, point)


def _size(world: World, sizes: dict[int, int], epoch: int, patients: int) -> int:
    """The variable of everybody in an epoch; its truth is NO_LIMIT until a table of everybody tells it."""
    if epoch not in sizes:
        sizes[epoch] = world.variable(0, NO_LIMIT, patients)
    elif world.truth[sizes[epoch]] == NO_LIMIT:
        world.truth[sizes[epoch]] = patients
    return sizes[epoch]


def _counted(version: TableVersion, kind: Kind) -> dict[Cell, int]:
    """The true count of each cell; of a histogram that is shown, of each merged bucket."""
    if kind is not Kind.HISTOGRAM or not version.shown:
        return {code: version.exact.get(code, 0) for code in version.codes}
    counts, since = dict[Cell, int](), 0
    for code in version.codes:
        since += version.exact.get(code, 0)
        if code in version.shown:
            counts[code], since = since, 0
    return counts


def _bounds(version: TableVersion, cell: Cell, count: int, parameters: Parameters) -> tuple[int, int]:
    """What is known of a cell. One that is withheld for want of people beside it has the threshold at least."""
    table = TABLES[version.key.table]
    if cell in version.shown:
        shown = version.shown[cell]
        return parameters.sum_bounds(shown, table.clip) if table.kind is Kind.MAGNITUDE else parameters.bounds(shown)
    if table.kind is Kind.MAGNITUDE:
        return 0, NO_LIMIT
    if table.kind is Kind.HISTOGRAM:
        return 0, NO_LIMIT  # no fewer than two buckets says little of one of them
    return (parameters.s, NO_LIMIT) if table.sensitive and count >= parameters.s else parameters.bounds(None)


def _inside(world: World, one: Placed, size: int) -> None:
    """How the cells of one version hang together (privacy.md 2.8)."""
    table, cells = TABLES[one.version.key.table], list(one.cells.values())
    if one.version.key == POPULATION:
        return
    if table.subpopulation and world.truth[size] != NO_LIMIT:
        world.know(0, NO_LIMIT, [(size, 1), (one.total, -1)])
        world.know(0, 0, [(size, 1), (one.total, -1)])  # where everybody is in it, somebody may know that
    if table.kind is Kind.MAGNITUDE:
        _sum_of_amounts(world, one, table.clip)
    elif table.kind in (Kind.MULTI, Kind.NESTED):
        for cell in cells:
            world.know(0, NO_LIMIT, [(one.total, 1), (cell, -1)])
        world.know(0, NO_LIMIT, [*((cell, 1) for cell in cells), (one.total, -1)])
    else:
        world.know(0, 0, [*((cell, 1) for cell in cells), (one.total, -1)])
    if table.kind is Kind.NESTED:
        world.know(0, 0, [(cells[0], 1), (one.total, -1)])
        for wider, narrower in pairwise(cells):
            world.know(0, NO_LIMIT, [(wider, 1), (narrower, -1)])
    if table.sensitive:
        know_remainders(world, one, size)


def _sum_of_amounts(world: World, one: Placed, clip: int) -> None:
    """Each contributor adds 1 to `clip`; a sum that is shown has at least the threshold of them."""
    for total in one.cells.values():
        world.know(0, NO_LIMIT, [(total, 1), (one.total, -1)])
        world.know(0, NO_LIMIT, [(one.total, clip), (total, -1)])
    if one.version.shown:
        world.know(one.parameters.s, NO_LIMIT, [(one.total, 1)])


def _groups(world: World, one: Placed, name: str) -> None:
    kind = TABLES[one.version.key.table].kind
    if kind in (Kind.HISTOGRAM, Kind.MAGNITUDE):
        return  # a shown bucket is never small; of the fine ones nothing but an upper bound is known
    hidden = [(variable, 1) for cell, variable in one.cells.items() if cell not in one.version.shown]
    if kind is not Kind.MULTI and len(hidden) > 1:
        world.groups.append(Group(f"{name}: all that is not shown", tuple(hidden)))
    for cell, variable in one.cells.items():
        world.groups.append(Group(f"{name}: {' '.join(cell) or 'everybody'}", ((variable, 1),)))
        if variable != one.total:
            world.groups.append(Group(f"{name}: not {' '.join(cell)}", ((one.total, 1), (variable, -1))))
    if kind is Kind.TWO_WAY:
        _subgroups(world, one, name)


def _subgroups(world: World, one: Placed, name: str) -> None:
    """Within a subgroup: those of whom nothing is shown, and those who are not in a cell."""
    for code in sorted({cell[-1] for cell in one.cells}):
        inside = {cell: variable for cell, variable in one.cells.items() if cell[-1] == code}
        hidden = tuple((variable, 1) for cell, variable in inside.items() if cell not in one.version.shown)
        if len(hidden) > 1:
            world.groups.append(Group(f"{name}: all of {code} that is not shown", hidden))
        if len(inside) > 2:
            for cell in inside:
                others = tuple((variable, 1) for other, variable in inside.items() if other != cell)
                world.groups.append(Group(f"{name}: of {code} not {' '.join(cell[:-1])}", others))
