"""How tables hang together: crossings and their margins, parts and their whole, one version and the next (privacy.md 2.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, TableKey
from studyscope_exporter.disclosure.contributions import POPULATION, Cell
from studyscope_exporter.disclosure.history import Release, TableVersion
from studyscope_exporter.disclosure.over_days import Counting, counted_alike, near, one_after_the_other
from studyscope_exporter.disclosure.world import NO_LIMIT, Placed, World

Versions = Mapping[TableKey, Sequence[Placed]]
"""Of each table the versions up to now, with their variables."""
Counted = tuple[TableKey, Cell]
Sizes = Mapping[Counted, Mapping[int, int]]
"""Patients of each table, and of each stage reached (a table and its cell), at each grid point."""


def between_tables(world: World, release: Release, placed: Versions, sizes: Sizes) -> None:
    """What the tables that moved in `release` say of one another."""
    _one_count(world, release, placed)
    _margins(world, release, placed)
    _one_total(world, release, placed, sizes)
    _within(world, release, placed)


def _one_count(world: World, release: Release, placed: Versions) -> None:
    """Stages reached and stages now are one count where both moved with the population."""
    moved = {version.key.table: version.key for version in release.tables}
    if not {"population", "stage", "reached"} <= moved.keys():
        return
    stage, reached = placed[moved["stage"]][-1].cells, placed[moved["reached"]][-1].cells
    codes = list(stage)
    for i, code in enumerate(codes):
        if code in reached:
            world.know(0, 0, [*((stage[later], 1) for later in codes[i:]), (reached[code], -1)])


def _margins(world: World, release: Release, placed: Versions) -> None:
    """A two-way table adds up to its two tables, where these moved with it or cannot have moved since."""
    for version in release.tables:
        for dimension, part in enumerate(TABLES[version.key.table].crosses):
            margin = _latest(placed, part, version.key.per)
            if margin is None or not _same_time(margin, version, release.grid_point):
                continue
            two_way = placed[version.key][-1]
            for cell, count in margin.cells.items():
                inner = [(variable, -1) for codes, variable in two_way.cells.items() if (codes[dimension],) == cell]
                world.know(0, 0, [(count, 1), *inner])
                world.know(0, NO_LIMIT, [(count, 1), *inner])


def _latest(placed: Versions, table: str, per: str) -> Placed | None:
    found = placed.get(TableKey(table, per)) or placed.get(TableKey(table))
    return found[-1] if found else None


def _same_time(margin: Placed, version: TableVersion, point: int) -> bool:
    fixed = TABLES[margin.version.key.table].fixed_at_admission
    return margin.grid_point == point or (fixed and margin.version.epoch == version.epoch)


def _one_total(world: World, release: Release, placed: Versions, sizes: Sizes) -> None:
    """Tables of parts of the patients that moved at once and are of equally many: somebody may know that they are the same.

    So may those who reached a stage: what a step of the work found is told of everybody who had it done. Nobody can know it of
    two that ever moved at once with unequal numbers: those were equal by chance.
    """
    same: dict[int, list[tuple[Counted, int]]] = {}
    for key, cell in _stages_reached(release):
        variable = placed[key][-1].cells[cell]
        same.setdefault(world.truth[variable], []).append(((key, cell), variable))
    for version in release.tables:
        table, one = TABLES[version.key.table], placed[version.key][-1]
        if not table.subpopulation:
            continue
        if all(fact.cells for fact in table.within):
            world.sizes.append(one.total)
        others = same.setdefault(version.patients, [])
        counted = version.key, ()
        other = next((total for known, total in others if not _ever_apart(sizes[known], sizes[counted])), None)
        if other is None:
            others.append((counted, one.total))
        elif other != one.total:
            world.know(0, 0, [(other, 1), (one.total, -1)])


def _within(world: World, release: Release, placed: Versions) -> None:
    """Who is in some cells of a table is in some cells of another; nearly always the other way round too.

    Where somebody was left out (a case without a score) nobody can know that it is so.
    """
    for key, versions in placed.items():
        for fact in TABLES[key.table].within:
            one, whole = versions[-1], _latest(placed, fact.table, fact.per or key.per)
            if whole is None or fact.only not in ("", key.per) or not _at_one_moment(one, whole, release.grid_point):
                continue
            beside = _of(whole, fact.of, 1), _of(one, fact.cells, -1)
            if all(beside):
                terms = [*beside[0], *beside[1]]
                world.know(0, 0 if world.true_value(tuple(terms)) == 0 else NO_LIMIT, terms)


def _of(one: Placed, codes: Sequence[str], sign: int) -> list[tuple[int, int]]:
    """Those in the cells of these codes, without codes everybody; nothing where the study does not have all of them."""
    cells = [one.cells.get((code,)) for code in codes] or [one.total]
    found = [(cell, sign) for cell in cells if cell is not None]
    return found if len(found) == len(cells) else []


def _at_one_moment(one: Placed, other: Placed, point: int) -> bool:
    """Whether both moved now, or one of them did and the other cannot have changed since."""
    older, newer = sorted((one, other), key=lambda placed: placed.grid_point)
    return newer.grid_point == point and _same_time(older, newer.version, point)


def _stages_reached(release: Release) -> list[Counted]:
    return [(version.key, cell) for version in release.tables if version.key.table == "reached" for cell in version.codes]


def sizes_of(releases: Sequence[Release]) -> Sizes:
    """How many patients there were at each grid point at which the table moved."""
    sizes: dict[Counted, dict[int, int]] = {}
    for release in releases:
        exact = {version.key: version.exact for version in release.tables}
        for key, cell in _stages_reached(release):
            sizes.setdefault((key, cell), {})[release.grid_point] = int(exact[key].get(cell, 0))
        for version in release.tables:
            sizes.setdefault((version.key, ()), {})[release.grid_point] = version.patients
    return sizes


def _ever_apart(one: Mapping[int, int], other: Mapping[int, int]) -> bool:
    return any(one[point] != other[point] for point in one.keys() & other.keys())


def over_time(world: World, key: TableKey, versions: Sequence[Placed]) -> None:
    """What somebody may know who knows that nobody left and that no answer is ever taken back.

    Batches have a least size, cells only grow, and nobody goes back a stage.
    """
    for before, after in pairwise(versions):
        if key == POPULATION:
            if before.total != after.total:
                world.know(after.parameters.m, NO_LIMIT, [(after.total, 1), (before.total, -1)])
        elif TABLES[key.table].dimensions[:1] == TABLES["stage"].dimensions:
            _advance(world, before, after)
        else:
            _grow(world, before, after)


def stages_over_time(world: World, placed: Versions) -> None:
    """Those who have got so far are told by several tables, each counted on days of its own."""
    for key, other in combinations(placed, 2):
        if counted_alike(key, other):
            for pair in near([Counting(one) for one in placed[key]], [Counting(one) for one in placed[other]]):
                if all(one.all.version.days for one in pair):
                    one_after_the_other(world, *pair)


def _grow(world: World, before: Placed, after: Placed) -> None:
    """Where no cell became smaller, somebody may know that none can; then whoever changed has come."""
    shared = [(after.cells[cell], before.cells[cell]) for cell in after.cells if cell in before.cells]
    if any(world.truth[now] < world.truth[then] for now, then in shared):
        return
    for now, then in shared:
        world.know(0, NO_LIMIT, [(now, 1), (then, -1)])
    if TABLES[after.version.key.table].subpopulation:
        world.know(after.parameters.m, NO_LIMIT, [(after.total, 1), (before.total, -1)])


def _advance(world: World, before: Placed, after: Placed) -> None:
    """Those at a stage or beyond only become more; a version over the same patients has enough who moved on."""
    codes = list(dict.fromkeys(cell[0] for cell in after.cells if cell in before.cells))
    nested = TABLES[after.version.key.table].kind is Kind.NESTED
    steps = []
    for group in sorted({cell[1:] for cell in after.cells}):
        for i, code in enumerate(codes):
            beyond = [(later, *group) for later in ([code] if nested else codes[i:])]
            gained = [(one.cells[cell], sign) for one, sign in ((after, 1), (before, -1)) for cell in beyond]
            if world.true_value(tuple(gained)) < 0:
                return
            steps.append((i, gained))
    for _, gained in steps:
        world.know(0, NO_LIMIT, gained)
    if before.version.epoch == after.version.epoch:
        world.know(after.parameters.m, NO_LIMIT, _summed(term for i, gained in steps if i for term in gained))


def _summed(terms: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Each variable once, as the solver wants it."""
    sums: dict[int, int] = {}
    for variable, coefficient in terms:
        sums[variable] = sums.get(variable, 0) + coefficient
    return list(sums.items())
