"""What the numbers of two studies say of one another, for somebody who knows the day on which each was counted.

The one study is the other without a group who were there from the first day. A number of the whole study is the group's part
and the others' part; the others' part is what the second study counts. Nobody leaves, stages only advance and results stay, so
that every part can only grow: the group's from day to day, the others' with the day on which they were members and with the day
on which their answers were taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from attacking.hospital import AGE, MODALITIES, MODALITY, OUTCOME, REACHED, SEX, STAGE, STATE, VENDOR, VOLUME, Chosen
from attacking.people import People
from disclosure_cast import STAGES
from studyscope_contract.metric import TableKey
from studyscope_exporter.attack.placing import Placed
from studyscope_exporter.attack.published import Cell
from studyscope_exporter.attack.puzzle import NO_LIMIT, Puzzle
from studyscope_exporter.disclosure.contributions import POPULATION

Statistic = tuple[TableKey, Cell]
"""Something that is true of a patient from some day on, for ever: to be in this cell, of stages to have reached it."""
FIXED: Mapping[TableKey, str] = {SEX: "sex", AGE: "age_band", VENDOR: "vendor"}
EVERYBODY: Statistic = (POPULATION, ())
SEGMENTED: Statistic = (REACHED, ("segmented",))
WHOSE: Mapping[TableKey, Statistic] = {OUTCOME: SEGMENTED, STATE: SEGMENTED, VOLUME: (STATE, ("present",))}
COMPARED = (POPULATION, *FIXED, STAGE, REACHED, MODALITY, *WHOSE)


def is_fixed(of: Statistic) -> bool:
    return of == EVERYBODY or of[0] in FIXED


def statistics_of(one: Placed) -> dict[Statistic, list[int]]:
    """What a version tells, each as a sum of its unknowns."""
    if one.key == POPULATION:
        return {EVERYBODY: [one.total]}
    if one.key == STAGE:
        return {(REACHED, cell): list(one.cells.values())[at:] for at, cell in enumerate(one.cells) if at}
    found = {(one.key, cell): [unknown] for cell, unknown in one.cells.items()}
    if one.key == REACHED:
        return {of: unknowns for of, unknowns in found.items() if of[1] != (STAGES[0],)}
    return found | ({WHOSE[one.key]: [one.total]} if one.key in WHOSE else {})


@dataclass(frozen=True)
class Truth:
    """Whom a number is about, for judging an attack."""

    ours: People
    target: Chosen
    codes: Mapping[TableKey, Sequence[Cell]]

    def of(self, of: Statistic, day: int) -> Chosen:
        """Of whom it is true on a day."""
        key, cell = of
        people = self.ours.of
        if key == POPULATION:
            return np.ones(len(self.ours), dtype=np.bool_)
        if key == REACHED:
            return np.asarray(day >= (self.ours.segmented if of == SEGMENTED else self.ours.reviewed), dtype=np.bool_)
        if key == MODALITY:
            return np.isin(people["modality"], [at for at, codes in enumerate(MODALITIES) if cell[0] in codes])
        number = list(self.codes[key]).index(cell)
        if key in FIXED:
            return np.asarray(people[FIXED[key]] == number)
        results = {OUTCOME: people["outcome"], STATE: people["state"], VOLUME: people["volume"] + 4}
        there = self.of(WHOSE[key], day)
        return np.asarray(there & (results[key] == number))


@dataclass(repr=False)
class Between:
    """The unknowns beside those of both studies: of the group by day, of the others by day of membership and day of answers."""

    puzzle: Puzzle
    truth: Truth
    group: dict[Statistic, dict[int, int]] = field(default_factory=dict)
    others: dict[Statistic, dict[tuple[int, int], int]] = field(default_factory=dict)
    truly: dict[int, int] = field(default_factory=dict)

    def of_group(self, of: Statistic, day: int) -> int:
        days = self.group.setdefault(of, {})
        day = 0 if is_fixed(of) else day
        if day not in days:
            true = int(np.count_nonzero(self.truth.of(of, day) & self.truth.target))
            days[day] = self._unknown(true)
        return days[day]

    def of_others(self, of: Statistic, members: int, day: int) -> int:
        days = self.others.setdefault(of, {})
        at = (members, members if is_fixed(of) else day)
        if at not in days:
            there = (self.truth.ours.joined <= members) & ~self.truth.target
            days[at] = self._unknown(int(np.count_nonzero(self.truth.of(of, day) & there)))
        return days[at]

    def _unknown(self, true: int) -> int:
        unknown = self.puzzle.unknown(0, NO_LIMIT, None)
        self.truly[unknown] = true
        return unknown

    def version(self, one: Placed, members: int, day: int, *, whole: bool) -> None:
        """A version of either study; `whole`: the group is in it."""
        told = statistics_of(one)
        for of, unknowns in told.items():
            self.puzzle.equal(unknowns, self._parts(of, members, day, whole=whole))
        if one.key == VOLUME:  # of the state of the structure on that day the version does not tell
            for of in (SEGMENTED, *((STATE, cell) for cell in self.truth.codes[STATE])):
                self._parts(of, members, day, whole=whole)

    def _parts(self, of: Statistic, members: int, day: int, *, whole: bool) -> list[int]:
        return [self.of_others(of, members, day), *([self.of_group(of, day)] if whole else [])]

    def hold_together(self) -> None:
        """Everything that these parts say of one another."""
        for days in self.group.values():
            for before, after in pairwise(sorted(days)):
                self.puzzle.at_least([days[after]], [days[before]])
        for day in sorted({day for of, days in self.group.items() if not is_fixed(of) for day in days}):
            self._inside({of: days[day] for of, days in self.group.items() if day in days})
        self._inside({of: days[0] for of, days in self.group.items() if is_fixed(of)})
        for at in sorted({at for points in self.others.values() for at in points}):
            there = {of: points[at] for of, points in self.others.items() if at in points}
            self._inside(there | {EVERYBODY: self.of_others(EVERYBODY, at[0], at[0])})
        for of, points in self.others.items():
            for before, after in covers(points):
                self.puzzle.at_least([points[after]], [points[before]])
            if not is_fixed(of):
                self._whoever_is_not(points)

    def _whoever_is_not(self, points: Mapping[tuple[int, int], int]) -> None:
        """Of members of an earlier day, not more can lack it on a later one."""
        for before, after in covers((members, -day) for members, day in points):
            less, more = (before[0], -before[1]), (after[0], -after[1])
            if more[0] != less[0]:
                there, here = (self.of_others(EVERYBODY, one[0], one[0]) for one in (more, less))
                self.puzzle.at_least([there, points[less]], [here, points[more]])

    def _inside(self, there: Mapping[Statistic, int]) -> None:
        """Of one day and the same people: who is in a table, and in which of its cells."""
        tables: dict[TableKey, list[int]] = {}
        for (key, _), unknown in there.items():
            tables.setdefault(key, []).append(unknown)
        everybody = there.get(EVERYBODY, self.of_group(EVERYBODY, 0))
        for key, cells in tables.items():
            if key in FIXED:
                self.puzzle.equal(cells, [everybody])
            elif key in WHOSE:
                self.puzzle.equal(cells, [there[WHOSE[key]]])
            elif key == MODALITY:
                self.puzzle.at_least(cells, [everybody])
        stages = [everybody, *(there[REACHED, (stage,)] for stage in STAGES[1:] if (REACHED, (stage,)) in there)]
        for wider, narrower in pairwise(stages):
            self.puzzle.at_least([wider], [narrower])
        for unknown in tables.get(MODALITY, ()):
            self.puzzle.at_least([everybody], [unknown])


def covers(points: Iterable[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs of which the second is at least the first in both, and nothing is between them."""
    ordered = sorted(set(points))
    for at, before in enumerate(ordered):
        nearest = NO_LIMIT
        for after in ordered[at + 1 :]:
            if before[1] <= after[1] < nearest:
                nearest = after[1]
                yield before, after
