"""Each version that was published, as unknowns: its cells, everybody in it, and how these hang together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, Table, TableKey
from studyscope_contract.policy import Parameters
from studyscope_exporter.attack.buckets import bucket_facts
from studyscope_exporter.attack.exact_numbers import ExactNumbers
from studyscope_exporter.attack.published import Cell, Moment, PublishedHistory, Shown
from studyscope_exporter.attack.puzzle import NO_LIMIT, Name, Puzzle

POPULATION = TableKey("population")
SLACK = NO_LIMIT // 100


@dataclass(frozen=True)
class Placed:
    """A version: its unknowns. `size` is everybody in the study then, `total` everybody in the table."""

    key: TableKey
    grid_point: int
    parameters: Parameters
    shown: Shown
    cells: Mapping[Cell, int]
    total: int
    size: int
    epoch: int  # number of the population version that it is tabulated over

    @property
    def table(self) -> Table:
        return TABLES[self.key.table]

    def of_group(self, code: str) -> list[int]:
        """Everybody of a two-way table in the subgroup `code`."""
        return [unknown for cell, unknown in self.cells.items() if cell[-1] == code]


def placed(puzzle: Puzzle, history: PublishedHistory, beside_since: int = 0) -> Iterator[list[Placed]]:
    """The versions of each moment; before the grid point `beside_since` sensitive tables were shown by an older rule.

    A table of the whole population is tabulated anew whenever the population is, so that one of
    which nothing was shown then has a version too, with every cell under the threshold.
    """
    size, epoch, exact = -1, 0, ExactNumbers()
    before, newest = dict[TableKey, Shown](), dict[TableKey, int]()
    for moment in history.moments:
        exact.day(moment)
        moved = {key: shown for key, shown in _new_looks(moment, newest) if TABLES[key.table].kind is not Kind.MAGNITUDE}
        if moment.other_rules:
            moved = {key: shown for key, shown in moved.items() if shown}
            before.clear()
        if POPULATION in moved:
            epoch += 1
            low, high = moment.parameters.bounds(moved[POPULATION].get(()))
            fewest, most = exact.everybody() or (low, high)
            size = puzzle.unknown(max(low, fewest), min(high, most), Name(POPULATION, moment.grid_point))
            whole = [
                key
                for key in history.codes
                if not TABLES[key.table].subpopulation and TABLES[key.table].kind is not Kind.MAGNITUDE
            ]
            moved = {key: {} for key in whole if history.offered_from_the_start or key in before} | moved
        elif size < 0:
            continue  # a site that never showed its size; nothing links its tables
        versions = [_placed(puzzle, key, history.codes[key], moment, moved, size, epoch, before) for key in sorted(moved)]
        if POPULATION in moved:
            _exact_margins(puzzle, versions, exact)
            exact.released()
        for one in versions:
            if one.table.sensitive:
                _sensitive(puzzle, one, by_older_rule=one.grid_point < beside_since)
        yield versions
        before |= moved


def _new_looks(moment: Moment, newest: dict[TableKey, int]) -> Iterator[tuple[TableKey, Shown]]:
    """What moved, without a version that was hidden for a while and stands there again: it tells nothing twice."""
    for key, shown in moment.tables.items():
        version = moment.versions.get(key, 0)
        if version and version == newest.get(key):
            continue
        newest[key] = version or newest.get(key, 0)
        yield key, shown


def _exact_margins(puzzle: Puzzle, versions: Iterable[Placed], exact: ExactNumbers) -> None:
    """A crossing with the stages adds up to those of the day on which everything was frozen."""
    for one in versions:
        for dimension, part in enumerate(one.table.crosses):
            for code in {cell[dimension] for cell in one.cells} if part == "stage" else ():
                between = exact.at_stage(code)
                if between is not None:
                    puzzle.row(*between, [(unknown, 1) for cell, unknown in one.cells.items() if cell[dimension] == code])


def _placed(
    puzzle: Puzzle, key: TableKey, codes: tuple[Cell, ...], moment: Moment, moved: Mapping[TableKey, Shown],
    size: int, epoch: int, before: Mapping[TableKey, Shown],
) -> Placed:  # fmt: skip
    table, shown, point = TABLES[key.table], moved[key], moment.grid_point
    if key == POPULATION:
        return Placed(key, point, moment.parameters, shown, {(): size}, size, size, epoch)
    total = puzzle.unknown(0, NO_LIMIT, Name(key, point)) if table.subpopulation else size
    cells = {}
    for cell in codes:
        low, high = moment.parameters.bounds(shown.get(cell)) if _bound_one_by_one(table) else (0, NO_LIMIT)
        if table.sensitive and cell not in shown:
            high = NO_LIMIT
        cells[cell] = puzzle.unknown(low, high, Name(key, point, cell))
    one = Placed(key, point, moment.parameters, shown, cells, total, size, epoch)
    _inside(puzzle, one)
    if table.kind is Kind.HISTOGRAM:
        bucket_facts(puzzle, list(cells.items()), shown, before.get(key, {}), moment.parameters)
    return one


def _bound_one_by_one(table: Table) -> bool:
    return table.kind is not Kind.HISTOGRAM


def _inside(puzzle: Puzzle, one: Placed) -> None:
    cells = list(one.cells.values())
    if one.table.subpopulation:
        puzzle.at_least([one.size], [one.total])
    if one.table.kind in (Kind.MULTI, Kind.NESTED):
        for cell in cells:
            puzzle.at_least([one.total], [cell])
        puzzle.at_least(cells, [one.total])
    else:
        puzzle.equal(cells, [one.total])
    if one.table.kind is Kind.NESTED:
        puzzle.equal(cells[:1], [one.total])
        for wider, narrower in pairwise(cells):
            puzzle.at_least([wider], [narrower])


def _sensitive(puzzle: Puzzle, one: Placed, *, by_older_rule: bool) -> None:
    """Why a cell is absent: too few are in it, or too few beside it. Where it is shown there are enough.

    By the older rule (before docs/decisions/0010) it was shown where its bin was not that of everybody.
    """
    s, two_way = one.parameters.s, one.table.kind is Kind.TWO_WAY
    for cell, unknown in one.cells.items():
        if two_way:
            beside = [(other, 1) for other in one.of_group(cell[-1]) if other != unknown]
        else:
            beside = [(one.total, 1), (unknown, -1)]
        if cell in one.shown and by_older_rule:
            above = one.parameters.bounds(one.shown[cell])[1] + 1
            for everybody in [[one.total], *([one.of_group(cell[-1])] if two_way else [])]:
                puzzle.row(above, NO_LIMIT, [(person, 1) for person in everybody])
            continue
        if cell in one.shown:
            puzzle.row(s, NO_LIMIT, beside)
            continue
        small, withheld = puzzle.one_of(2)
        puzzle.if_chosen(small, [(unknown, 1)], at_most=s - 1, slack=SLACK)
        puzzle.if_chosen(withheld, [(unknown, -1)], at_most=-s, slack=s)
        puzzle.if_chosen(withheld, beside, at_most=s - 1, slack=SLACK)
