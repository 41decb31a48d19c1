"""T6: one of the sites, who knows its own exact numbers, subtracts them from everything that the centre adds up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from attacking.hospital import STUDY, Lived, terms_of
from attacking.on_versions import ROUND_FIVE, Tally, exact_counts, excluded, true_values, truly_small
from attacking.people import DAYS_A_WEEK, Life, people
from studyscope_aggregator.standing import Shown, Standing
from studyscope_aggregator.totals import TableTotal, table_total
from studyscope_contract.metric import Kind, TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import PolicyStatement, SiteFacts
from studyscope_exporter.attack.background import Background, Deduction, deduced
from studyscope_exporter.attack.claims import Claim, groups
from studyscope_exporter.attack.placing import Placed
from studyscope_exporter.attack.prover import Prover
from studyscope_exporter.attack.published import Cell
from studyscope_exporter.attack.puzzle import NO_LIMIT, Puzzle

LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Site:
    """One hospital of the consortium as the attacker places it; of the insider's own the truth is known."""

    history: Lived
    deduction: Deduction
    insider: bool

    def at(self, key: TableKey, point: int) -> Placed | None:
        """The version of a table in force at a grid point."""
        before = [one for one in self.deduction.versions.get(key, ()) if one.grid_point <= point]
        return before[-1] if before else None


def by_an_insider(sites: Sequence[Lived], known: Background, policy: Policy, insider: int) -> Tally:
    """What site number `insider` can prove of the others from every version of every table and of every total of them."""
    puzzle, values, placed = Puzzle(), list[int | None](), list[Site]()
    for number, history in enumerate(sites):
        since = len(puzzle.low)
        placed.append(Site(history, deduced(history.published, known, puzzle), number == insider))
        truth = {name: (behind.cells, behind.patients) for name, behind in history.truth.items()}
        values += true_values(puzzle, truth, since)
        if number == insider:
            _knows_its_own(puzzle, since, values)
    claims = [claim for site in placed if not site.insider for claim in groups(site.deduction)]
    for point, totals in _totals(placed, policy):
        for key, total in totals.items():
            claims += _added(puzzle, placed, key, point, total, policy.parameters.k)
    proven = Prover(puzzle, claims).small_groups()
    return Tally(
        histories=1, small=truly_small(claims, values), small_proven=len(proven), truth_excluded=excluded(puzzle, values)
    )


def _knows_its_own(puzzle: Puzzle, since: int, values: Sequence[int | None]) -> None:
    for unknown, value in enumerate(values[since:], since):
        if value is not None:
            puzzle.low[unknown] = puzzle.high[unknown] = value


def _totals(sites: Sequence[Site], policy: Policy) -> Iterator[tuple[int, Mapping[TableKey, TableTotal]]]:
    """The centre's totals at every grid point at which a number of any site moved, by the aggregator's own code."""
    tables = dict(STUDY.tables())
    for point in sorted({moment.grid_point for site in sites for moment in site.history.published.moments}):
        standings = [_standing(site, point, policy) for site in sites]
        codes = sites[0].history.published.codes
        yield point, {key: table_total(key, tables[key], codes[key], standings) for key in codes if key in tables}


def _standing(site: Site, point: int, policy: Policy) -> Standing:
    shown: dict[TableKey, Mapping[Cell, int]] = {}
    for moment in site.history.published.moments:
        if moment.grid_point <= point:
            shown |= moment.tables
    tables = {key: Shown(1, LONG_AGO, cells) for key, cells in shown.items() if cells}
    offers = dict.fromkeys((key.table for key in site.history.published.codes), "offered")
    facts = SiteFacts.model_validate({"release": "0.1.0", "study_version": 1, "tables": offers})
    said = PolicyStatement.of(policy)
    return Standing(STUDY.id, "a", 1, point, LONG_AGO, "active", LONG_AGO, said, facts, tables)


def _added(puzzle: Puzzle, sites: Sequence[Site], key: TableKey, point: int, total: TableTotal, k: int) -> Iterator[Claim]:
    """Puts the bounds of a total over the sites' unknowns; yields the pool of those who hide a cell at the others."""
    versions = [(site, site.at(key, point)) for site in sites]
    there = [(site, version) for site, version in versions if version is not None]
    for cell in total.cells:
        everywhere = [unknown for _, one in there for unknown in _unknowns(one, cell.codes)]
        if len(there) == len(sites):
            upper = NO_LIMIT if cell.upper is None else cell.upper
            puzzle.row(cell.lower, upper, [(unknown, 1) for unknown in everywhere])
        hidden = [one for site, one in there if not site.insider and cell.codes not in one.shown]
        if len(hidden) > 1 and hidden[0].table.kind is not Kind.HISTOGRAM:
            what = f"all who hide {key} {' '.join(cell.codes)} at grid point {point}"
            yield Claim(what, point, k, tuple((one.cells[cell.codes], 1) for one in hidden))


def _unknowns(one: Placed, codes: Cell) -> list[int]:
    if one.table.kind is not Kind.HISTOGRAM:
        return [one.cells[codes]]
    edges = list(one.cells)
    return [one.cells[edge] for edge in edges[: edges.index(codes) + 1]]


def added_up_exactly(life: Life, seed: int, number: int = 3) -> Tally:
    """The control: under 8 hidden and the rest rounded to 5, at the sites and once more in the exact total."""
    codes, day = terms_of(Policy()).codes, life.weeks * DAYS_A_WEEK - 1
    counts = [exact_counts(people(life, seed * number + site), day, codes) for site in range(number)]
    puzzle, claims, values = Puzzle(), list[Claim](), list[int | None]()
    for key, cells in counts[0].items():
        for cell in cells:
            exact = [of_site[key][cell] for of_site in counts]
            unknowns = [puzzle.unknown(*ROUND_FIVE.bounds(ROUND_FIVE.published(n)), None) for n in exact]
            puzzle.low[unknowns[0]] = puzzle.high[unknowns[0]] = exact[0]
            low, high = ROUND_FIVE.bounds(ROUND_FIVE.published(sum(exact)))
            puzzle.row(low, high, [(unknown, 1) for unknown in unknowns])
            claims += [Claim("", day, ROUND_FIVE.k, ((one, 1),)) for one in unknowns[1:]]
            values += exact
    for of_table in _by_table(counts[0], len(counts)):
        for site in range(number):
            puzzle.equal([at[site] for at in of_table[1:]], [of_table[0][site]])
    proven = Prover(puzzle, claims).small_groups()
    return Tally(1, small=truly_small(claims, values), small_proven=len(proven), truth_excluded=excluded(puzzle, values))


def _by_table(counts: Mapping[TableKey, Mapping[Cell, int]], sites: int) -> Iterator[list[list[int]]]:
    """For each table the unknowns of everybody and of its cells, each as one per site, in the order in which they were made."""
    starts = accumulate([len(cells) for cells in counts.values()], initial=0)
    unknowns = [list(range(at * sites, at * sites + sites)) for at in range(sum(map(len, counts.values())))]
    for start, cells in zip(starts, counts.values(), strict=False):
        if start:
            yield [unknowns[0], *unknowns[start : start + len(cells)]]
