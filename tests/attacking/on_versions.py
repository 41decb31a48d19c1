"""T1, T2, T3: everything that linear and integer programming can prove from all versions ever published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np

from attacking.hospital import AGE, FIRST_POINT, SEX, STAGE, VENDOR, Lived, lived, terms_of
from attacking.people import DAYS_A_WEEK, Life, People, people
from disclosure_cast import STAGES
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters, Policy
from studyscope_exporter.attack.background import Background, deduced
from studyscope_exporter.attack.claims import Claim, batches, groups, shown_numbers
from studyscope_exporter.attack.prover import Prover
from studyscope_exporter.attack.published import Cell, Moment, PublishedHistory
from studyscope_exporter.attack.puzzle import Puzzle
from studyscope_exporter.disclosure.audit import Audit
from studyscope_exporter.disclosure.contributions import POPULATION

Truth = Mapping[tuple[TableKey, int], tuple[Mapping[Cell, int], int]]
"""Behind each version: patients per cell, and patients in it."""
ROUND_FIVE = Parameters.model_construct(k=8, b=5, s=8, m=0)


@dataclass(frozen=True)
class Tally:
    """Hits and tries of the three attacks. Small groups and batches are those of truly 1..k-1 people."""

    histories: int = 0
    small: int = 0
    small_proven: int = 0
    small_exact: int = 0
    shown: int = 0
    shown_exact: int = 0
    batches: int = 0
    batches_proven: int = 0
    batches_exact: int = 0
    batches_proven_inside: int = 0
    changes: int = 0
    changes_of_few: int = 0
    truth_excluded: int = 0
    holds: int = 0
    releases: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def from_outside(life: Life) -> Background:
    """Everybody may know the rules of the game, and whether anybody ever left."""
    return Background(nobody_leaves=not life.leaving)


def from_inside(life: Life) -> Background:
    """Somebody of the house knows all that is true of these simulated hospitals."""
    return Background(
        nobody_leaves=not life.leaving,
        stages_only_advance=True,
        answers_stay=not life.leaving,
        longest_delay=Policy().delay_days,
        who_contributes=dict.fromkeys(("structure_state", "job_outcome", "classification_result"), "segmented"),
    )


def attacked(life: Life, seed: int, policy: Policy, audit: Audit | None) -> Tally:
    """One hospital under `policy`, and what can be proven of it."""
    return attacked_history(life, lived(life, seed, policy, audit), policy.parameters.m)


def attacked_history(life: Life, history: Lived, m: int) -> Tally:
    """What can be proven of this history of a hospital that lives so."""
    truth = {name: (behind.cells, behind.patients) for name, behind in history.truth.items()}
    tally = proven(history.published, life, truth)
    changes, few = _changes(history, m)
    return replace(tally, changes=changes, changes_of_few=few, holds=history.holds, releases=history.asked)


def proven(published: PublishedHistory, life: Life, truth: Truth) -> Tally:
    """The attacks; the truth only judges them. Groups and numbers from inside, batches from outside too."""
    inside = deduced(published, from_inside(life))
    values = true_values(inside.puzzle, truth)
    parts = groups(inside), shown_numbers(inside), batches(inside)
    first, second = len(parts[0]), len(parts[0]) + len(parts[1])
    prover = Prover(inside.puzzle, [*parts[0], *parts[1], *parts[2]])
    small = prover.small_groups(slice(0, first))
    exact = prover.exact(slice(first, second))
    moved_inside = prover.small_groups(slice(second, None))
    outside = deduced(published, from_outside(life))
    moved = Prover(outside.puzzle, batches(outside)).small_groups()
    return Tally(
        histories=1,
        small=truly_small(parts[0], values),
        small_proven=len(small),
        small_exact=sum(one.least == one.most for one in small),
        shown=len(parts[1]),
        shown_exact=len(exact),
        batches=truly_small(parts[2], values),
        batches_proven=len(moved),
        batches_exact=sum(one.least == one.most for one in [*moved, *moved_inside]),
        batches_proven_inside=len(moved_inside),
        truth_excluded=excluded(inside.puzzle, values),
    )


def true_values(puzzle: Puzzle, truth: Truth, since: int = 0) -> list[int | None]:
    """What the unknowns from number `since` on truly are; None for a choice."""
    values: list[int | None] = []
    for name in puzzle.names[since:]:
        behind = None if name is None else truth.get((name.key, name.grid_point))
        values.append(None if behind is None or name is None else behind[1] if name.cell is None else behind[0].get(name.cell, 0))
    return values


def truly_small(claims: Iterable[Claim], values: list[int | None]) -> int:
    """How many of these groups truly are of 1..k-1 people."""
    small = 0
    for claim in claims:
        parts = [(values[unknown], coefficient) for unknown, coefficient in claim.terms]
        small += 1 <= sum(value * coefficient for value, coefficient in parts if value is not None) < claim.k
    return small


def excluded(puzzle: Puzzle, values: list[int | None]) -> int:
    """Constraints of the attacker that the truth does not meet: there must be none."""
    outside = sum(v is not None and not low <= v <= high for v, low, high in zip(values, puzzle.low, puzzle.high, strict=True))
    for row in puzzle.rows:
        known = [(values[unknown], coefficient) for unknown, coefficient in row.terms]
        total = sum(value * coefficient for value, coefficient in known if value is not None)
        outside += all(value is not None for value, _ in known) and not row.low <= total <= row.high
    return outside


def _changes(history: Lived, m: int) -> tuple[int, int]:
    """Visible changes of a table, and those behind which fewer than m patients are."""
    points: dict[TableKey, list[int]] = {}
    shown = {(key, moment.grid_point): cells for moment in history.published.moments for key, cells in moment.tables.items()}
    for key, point in sorted(shown):
        points.setdefault(key, []).append(point)
    changes = few = 0
    for key, of_table in points.items():
        for before, after in pairwise(of_table):
            then, now = history.truth[key, before], history.truth[key, after]
            changes += 1
            few += int(np.count_nonzero(then.members != now.members)) < m
    return changes, few


def suppress_and_round(life: Life, seed: int) -> Tally:
    """The control: small counts hidden, the rest rounded to fives, every week, without a gate."""
    ours, codes = people(life, seed), terms_of(Policy()).codes
    truth: dict[tuple[TableKey, int], tuple[Mapping[Cell, int], int]] = {}
    moments = []
    for week in range(1, life.weeks):
        point, exact = FIRST_POINT + week * DAYS_A_WEEK, exact_counts(ours, week * DAYS_A_WEEK, codes)
        patients = exact[POPULATION][()]
        truth |= {(key, point): (cells, patients) for key, cells in exact.items()}
        shown = {key: {cell: n for cell, v in cells.items() if (n := ROUND_FIVE.published(v))} for key, cells in exact.items()}
        moments.append(Moment(point, ROUND_FIVE, shown))
    published = PublishedHistory("berlin", "liver-study", {key: codes[key] for key in exact}, tuple(moments))
    return proven(published, life, truth)


def rounded_with_its_own_total() -> PublishedHistory:
    """The control for exact numbers: four groups of twelve, each rounded to ten, and their total rounded to fifty."""
    codes = terms_of(Policy()).codes
    shown = {POPULATION: {(): 50}, SEX: dict.fromkeys(codes[SEX], 10)}
    return PublishedHistory(
        "berlin", "liver-study", {key: codes[key] for key in shown}, (Moment(FIRST_POINT, ROUND_FIVE, shown),)
    )


def exact_counts(ours: People, day: int, codes: Mapping[TableKey, tuple[Cell, ...]]) -> dict[TableKey, dict[Cell, int]]:
    there = (ours.joined <= day) & (day < ours.left)
    stage = (day >= ours.segmented).astype(int) + (day >= ours.reviewed)
    counts: dict[TableKey, dict[Cell, int]] = {
        POPULATION: {(): int(there.sum())},
        STAGE: {(code,): int((there & (stage == i)).sum()) for i, code in enumerate(STAGES)},
    }
    for key, name in ((SEX, "sex"), (AGE, "age_band"), (VENDOR, "vendor")):
        counts[key] = {cell: int((there & (ours.of[name] == i)).sum()) for i, cell in enumerate(codes[key])}
    return counts
