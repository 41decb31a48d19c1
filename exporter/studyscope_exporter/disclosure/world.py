"""Everything that was ever shown as linear constraints over whole numbers: the worlds an attacker must think possible.

Only constraints that the true world meets are added: one that it does not meet cannot be known to
anybody. Adding a true one that an attacker may not know is safe; it only makes the audit stricter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, TableKey
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.contributions import POPULATION, Cell
from studyscope_exporter.disclosure.history import Release, TableVersion

NO_LIMIT = 10_000_000
Terms = tuple[tuple[int, int], ...]
"""Sum of coefficient times variable, as (variable, coefficient)."""


@dataclass(frozen=True)
class Row:
    """`low` <= sum <= `high`."""

    low: int
    high: int
    terms: Terms


@dataclass(frozen=True)
class Group:
    """People who must not be proven to be 1..k-1: a cell, or those outside it. `name` is for the site's screen."""

    name: str
    terms: Terms


@dataclass(repr=False)
class World:
    """Variables with bounds and their true values, constraints, and protected groups."""

    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    def variable(self, low: int, high: int, truth: int) -> int:
        self.low.append(low)
        self.high.append(high)
        self.truth.append(truth)
        return len(self.truth) - 1

    def true_value(self, terms: Terms) -> int:
        return sum(coefficient * self.truth[variable] for variable, coefficient in terms)

    def know(self, low: int, high: int, terms: Iterable[tuple[int, int]]) -> None:
        """Adds the constraint where it is true."""
        row = Row(low, high, tuple(terms))
        if low <= self.true_value(row.terms) <= high:
            self.rows.append(row)

    def holds_the_truth(self) -> bool:
        return all(low <= true <= high for low, true, high in zip(self.low, self.truth, self.high, strict=True))


@dataclass(frozen=True)
class _Placed:
    """A version of a table with its variables: each cell, and everybody in it."""

    version: TableVersion
    parameters: Parameters
    cells: dict[Cell, int]
    total: int


def world_of(releases: Sequence[Release]) -> World:
    """The constraints and groups of every release, the candidate included."""
    world, sizes = World(), dict[int, int]()
    placed: dict[TableKey, list[_Placed]] = {}
    for release in releases:
        for version in sorted(release.tables, key=_everybody_first):
            one = _placed(world, version, release.parameters, sizes)
            _inside(world, one, sizes[version.epoch])
            _groups(world, one, release.grid_point)
            placed.setdefault(version.key, []).append(one)
        _one_count(world, release, placed)
    for key, versions in placed.items():
        _over_time(world, key, versions)
    return world


def _everybody_first(version: TableVersion) -> tuple[bool, bool]:
    return TABLES[version.key.table].subpopulation, version.key != POPULATION


def _placed(world: World, version: TableVersion, parameters: Parameters, sizes: dict[int, int]) -> _Placed:
    table = TABLES[version.key.table]
    if version.key == POPULATION:
        low, high = parameters.bounds(version.shown.get(()))
        size = _size(world, sizes, version.epoch, version.patients)
        world.know(low, high, [(size, 1)])
        return _Placed(version, parameters, {(): size}, size)
    if not table.subpopulation:
        total = _size(world, sizes, version.epoch, version.patients)
    else:
        _size(world, sizes, version.epoch, NO_LIMIT)
        total = world.variable(0, NO_LIMIT, version.patients)
    cells = {}
    for cell, count in _counted(version, table.kind).items():
        cells[cell] = world.variable(*_bounds(version, cell, count, parameters), count)
    return _Placed(version, parameters, cells, total)


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
    """What is known of a cell. Of one withheld because it holds everybody, the bin that it truly is in."""
    table = TABLES[version.key.table]
    if cell in version.shown:
        return parameters.bounds(version.shown[cell])
    if table.kind is Kind.HISTOGRAM:
        return 0, NO_LIMIT  # no fewer than two buckets says little of one of them
    return parameters.bounds(parameters.published(count) if table.sensitive else None)


def _inside(world: World, one: _Placed, size: int) -> None:
    """How the cells of one version hang together (privacy.md 2.8)."""
    table, cells = TABLES[one.version.key.table], list(one.cells.values())
    if one.version.key == POPULATION:
        return
    if table.subpopulation and world.truth[size] != NO_LIMIT:
        world.know(0, NO_LIMIT, [(size, 1), (one.total, -1)])
    if table.kind in (Kind.MULTI, Kind.NESTED):
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
        _not_everybody(world, one, size)


def _not_everybody(world: World, one: _Placed, size: int) -> None:
    """A cell of a sensitive table is shown only while its bin is not that of everybody; else it is withheld."""
    for cell, variable in one.cells.items():
        low, high = world.low[variable], world.high[variable]
        for everybody in (one.total, size):
            if cell in one.version.shown:
                world.know(high + 1, NO_LIMIT, [(everybody, 1)])
            elif low > 0 and world.truth[everybody] != NO_LIMIT:
                world.know(low, high, [(everybody, 1)])


def _groups(world: World, one: _Placed, point: int) -> None:
    kind, name = TABLES[one.version.key.table].kind, f"{one.version.key} at grid point {point}"
    if kind is Kind.HISTOGRAM:
        return  # a shown bucket is never small; of the fine ones nothing but an upper bound is known
    hidden = [(variable, 1) for cell, variable in one.cells.items() if cell not in one.version.shown]
    if kind is not Kind.MULTI and len(hidden) > 1:
        world.groups.append(Group(f"{name}: all that is not shown", tuple(hidden)))
    for cell, variable in one.cells.items():
        world.groups.append(Group(f"{name}: {' '.join(cell) or 'everybody'}", ((variable, 1),)))
        if variable != one.total:
            world.groups.append(Group(f"{name}: not {' '.join(cell)}", ((one.total, 1), (variable, -1))))


def _one_count(world: World, release: Release, placed: dict[TableKey, list[_Placed]]) -> None:
    """Stages reached and stages now are one count where both moved with the population."""
    moved = {version.key.table: version.key for version in release.tables}
    if not {"population", "stage", "reached"} <= moved.keys():
        return
    stage, reached = placed[moved["stage"]][-1].cells, placed[moved["reached"]][-1].cells
    codes = list(stage)
    for i, code in enumerate(codes):
        if code in reached:
            world.know(0, 0, [*((stage[later], 1) for later in codes[i:]), (reached[code], -1)])


def _over_time(world: World, key: TableKey, versions: Sequence[_Placed]) -> None:
    """What somebody may know who knows that nobody left: batches have a least size, fixed cells only grow."""
    table = TABLES[key.table]
    for before, after in pairwise(versions):
        if key == POPULATION and before.total != after.total:
            world.know(after.parameters.m, NO_LIMIT, [(after.total, 1), (before.total, -1)])
        if not (table.fixed_at_admission or table.kind is Kind.NESTED):
            continue
        shared = [(after.cells[cell], before.cells[cell]) for cell in after.cells if cell in before.cells]
        if all(world.truth[now] >= world.truth[then] for now, then in shared):
            for now, then in shared:
                world.know(0, NO_LIMIT, [(now, 1), (then, -1)])
