"""What an attacker may know beside the published numbers: how tables hang together, and how this hospital works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, TableKey
from studyscope_exporter.attack.placing import POPULATION, Placed, placed
from studyscope_exporter.attack.published import PublishedHistory
from studyscope_exporter.attack.puzzle import Puzzle


@dataclass(frozen=True)
class Background:
    """Facts that somebody of the house may know. Each makes the attack stronger, and must be true to be used."""

    nobody_leaves: bool = False
    stages_only_advance: bool = False
    answers_stay: bool = False  # a result once there never changes
    who_contributes: Mapping[str, str] = field(default_factory=dict)  # table -> stage whose patients it is about
    longest_delay: int | None = None  # grid points between counting and publishing at most; None: it is not used
    beside_since: int = 0  # grid point since which a cell of a sensitive table needs enough people beside it


@dataclass(frozen=True, repr=False)
class Deduction:
    """A puzzle, and the versions in it: per table, oldest first."""

    puzzle: Puzzle
    versions: Mapping[TableKey, Sequence[Placed]]


def deduced(history: PublishedHistory, background: Background, into: Puzzle | None = None) -> Deduction:
    """Everything that follows from what was published; `into` a puzzle that holds other sites already."""
    puzzle, versions = into or Puzzle(), dict[TableKey, list[Placed]]()
    for moment in placed(puzzle, history, background.beside_since):
        for one in moment:
            versions.setdefault(one.key, []).append(one)
        now = {one.key: one for one in moment}
        if POPULATION in now:  # all of them were frozen on one day
            _same_day(puzzle, now, background)
        _fixed_margins(puzzle, now, versions)
    for key, of_table in versions.items():
        for before, after in pairwise(of_table):
            _over_time(puzzle, key, before, after, background)
    if background.stages_only_advance and background.nobody_leaves and background.longest_delay is not None:
        _far_apart(puzzle, versions, background.who_contributes, background.longest_delay)
    return Deduction(puzzle, versions)


def _same_day(puzzle: Puzzle, now: Mapping[TableKey, Placed], background: Background) -> None:
    stage, reached = now.get(TableKey("stage")), now.get(TableKey("reached"))
    if stage is not None and reached is not None:
        codes = list(stage.cells)
        for i, code in enumerate(codes):
            puzzle.equal([reached.cells[code]], [stage.cells[later] for later in codes[i:]])
    for key, one in now.items():
        for fact in one.table.within:
            whole = now.get(TableKey(fact.table, fact.per or key.per)) or now.get(TableKey(fact.table))
            if whole is not None and fact.only in ("", key.per):
                # What a house calls settled is whose results a table holds, not what every image states.
                _within(puzzle, _of(one, fact.cells), _of(whole, fact.of), all_of_them=background.answers_stay and not fact.per)
        stage_of = background.who_contributes.get(key.table)
        if stage_of is not None and reached is not None:
            puzzle.equal([one.total], [reached.cells[stage_of,]])
        if one.table.kind is Kind.TWO_WAY:
            for dimension, margin in enumerate(_margins(one, now)):
                if margin is not None:
                    _margin(puzzle, one, margin, dimension)


def _within(puzzle: Puzzle, inner: Sequence[int], outer: Sequence[int], *, all_of_them: bool) -> None:
    """At most: somebody may have no value (a case without a score)."""
    if inner and outer:
        puzzle.at_least(outer, inner)
        if all_of_them:
            puzzle.equal(outer, inner)


def _of(one: Placed, codes: Sequence[str]) -> list[int]:
    """Those in the cells of these codes, without codes everybody; nothing where the study does not have all of them."""
    cells = [one.cells.get((code,)) for code in codes] or [one.total]
    return [] if None in cells else [cell for cell in cells if cell is not None]


def _margins(one: Placed, now: Mapping[TableKey, Placed]) -> list[Placed | None]:
    return [now.get(TableKey(part, one.key.per)) or now.get(TableKey(part)) for part in one.table.crosses]


def _margin(puzzle: Puzzle, one: Placed, margin: Placed, dimension: int) -> None:
    """A crossing adds up to its margin, or to less where the crossing is about fewer patients."""
    fewer = one.table.subpopulation and not margin.table.subpopulation
    for cell, count in margin.cells.items():
        inner = [unknown for codes, unknown in one.cells.items() if (codes[dimension],) == cell]
        if fewer:
            puzzle.at_least([count], inner)
        else:
            puzzle.equal([count], inner)


def _fixed_margins(puzzle: Puzzle, now: Mapping[TableKey, Placed], versions: Mapping[TableKey, Sequence[Placed]]) -> None:
    """What is fixed at admission is the same for the same members, whenever a crossing with it is counted."""
    for one in now.values():
        if one.table.kind is not Kind.TWO_WAY or POPULATION in now:
            continue
        for dimension, part in enumerate(one.table.crosses):
            margin = versions.get(TableKey(part), [])
            if TABLES[part].fixed_at_admission and margin and margin[-1].epoch == one.epoch:
                _margin(puzzle, one, margin[-1], dimension)


def _over_time(puzzle: Puzzle, key: TableKey, before: Placed, after: Placed, background: Background) -> None:
    # A batch that waited when the policy changed had opened the gate of the one before.
    m, stays = min(before.parameters.m, after.parameters.m), background.nobody_leaves
    if key == POPULATION:
        if stays:
            puzzle.at_least([after.total], [before.total], by=m)
        return
    same_members = before.epoch == after.epoch and not after.table.subpopulation
    if background.stages_only_advance and (stays or same_members) and _is_of_stages(after):
        _advance(puzzle, before, after, same_members)
    grows = after.table.fixed_at_admission or background.answers_stay
    if stays and grows and not _is_of_stages(after):
        for cell, unknown in after.cells.items():
            puzzle.at_least([unknown], [before.cells[cell]])
        if after.table.subpopulation:
            puzzle.at_least([after.total], [before.total], by=m)


def _far_apart(
    puzzle: Puzzle, versions: Mapping[TableKey, Sequence[Placed]], who_contributes: Mapping[str, str], delay: int
) -> None:
    """Several tables tell how many have got so far; of two that came out far enough apart the order of counting is known."""
    told: dict[str, list[tuple[TableKey, int, Sequence[int]]]] = {}
    for key, of_table in versions.items():
        for one in of_table:
            for stage, unknowns in _so_far(one, who_contributes):
                told.setdefault(stage, []).append((key, one.grid_point, unknowns))
    for counts in told.values():
        counts.sort(key=itemgetter(1))
        for at, (key, point, later) in enumerate(counts):
            before = {other: unknowns for other, then, unknowns in counts[:at] if other != key and then <= point - delay}
            for earlier in before.values():  # the newest of each table
                puzzle.at_least(later, earlier)


def _so_far(one: Placed, who_contributes: Mapping[str, str]) -> Iterator[tuple[str, Sequence[int]]]:
    """How many have got to each stage, as far as the version tells it."""
    cells = list(one.cells.items())
    if one.key == TableKey("stage"):
        yield from ((code, [unknown for _, unknown in cells[i:]]) for i, ((code,), _) in enumerate(cells))
    elif one.key == TableKey("reached"):
        yield from ((code, [unknown]) for (code,), unknown in cells)
    elif one.key.table in who_contributes:
        yield who_contributes[one.key.table], [one.total]


def _is_of_stages(one: Placed) -> bool:
    return one.table.dimensions[:1] == TABLES["stage"].dimensions


def _advance(puzzle: Puzzle, before: Placed, after: Placed, same_members: bool) -> None:
    """Nobody goes back, so that those at a stage or beyond only become more; a version has enough who moved on."""
    codes = list(dict.fromkeys(cell[0] for cell in after.cells))
    groups = sorted({cell[1:] for cell in after.cells})
    nested = after.table.kind is Kind.NESTED
    steps: list[tuple[int, int]] = []
    for group in groups:
        for i in range(1, len(codes)):
            at = [(code, *group) for code in (codes[i : i + 1] if nested else codes[i:])]
            more, less = [after.cells[cell] for cell in at], [before.cells[cell] for cell in at]
            puzzle.at_least(more, less)
            steps += [*((unknown, 1) for unknown in more), *((unknown, -1) for unknown in less)]
    if same_members:
        puzzle.row(min(before.parameters.m, after.parameters.m), 10 * len(codes) * 1_000_000, _summed(steps))


def _summed(terms: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    sums: dict[int, int] = {}
    for unknown, coefficient in terms:
        sums[unknown] = sums.get(unknown, 0) + coefficient
    return list(sums.items())
