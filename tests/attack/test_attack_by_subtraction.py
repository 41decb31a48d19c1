"""T1: an attacker of its own (linear programmes over all versions) looks for groups of 1..k-1 that are sure to exist."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import highspy
import pytest

from disclosure_cast import FACTS, POPULATION, SEX, STAGE, Hospital, MemoryDisk, Vector, opened, vectors, versions
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import PRESETS, Parameters
from studyscope_exporter.disclosure.witness import WitnessAudit

TENS = PRESETS["tens"]
LOOSE = Parameters.model_construct(k=8, b=5, s=8, m=1)
SEXES, STAGES = (("F",), ("M",), ("O",), ("not_stated",)), (("imaged",), ("segmented",), ("reviewed",))
DAYS = 500 if os.environ.get("STUDYSCOPE_LONG_TESTS") else 130


@dataclass
class Seen:
    """One moment: how many, who by sex and stage, as shown and in truth."""

    size: int | None
    tables: dict[TableKey, Vector]
    truth: dict[TableKey, Vector]


@dataclass
class Attacker:
    """Knows the rules and that nobody leaves; sees every moment."""

    rules: Parameters
    solver: highspy.Highs = field(default_factory=highspy.Highs)
    before: dict[TableKey, dict[tuple[str, ...], highspy.highs.highs_var]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.solver.setOptionValue("output_flag", False)
        self.suspects: list[highspy.highs.highs_var] = []

    def look(self, seen: Seen) -> None:
        size = self._variable(seen.size)
        for key, codes in ((SEX, SEXES), (STAGE, STAGES)):
            if key not in seen.tables:
                continue
            cells = {code: self._variable(seen.tables[key].get(code)) for code in codes}
            self.solver.addConstr(sum(cells.values()) == size)
            for code, cell in cells.items():
                if key == SEX and code in self.before.get(key, {}):
                    self.solver.addConstr(cell >= self.before[key][code])
                if 1 <= seen.truth[key].get(code, 0) < self.rules.k:
                    self.suspects.append(cell)
            self.before[key] = cells

    def _variable(self, shown: int | None) -> highspy.highs.highs_var:
        low, high = self.rules.bounds(shown)
        return self.solver.addVariable(lb=low, ub=high)

    def proven(self) -> int:
        """Small groups of which the least is at least 1 and the most at most k-1."""
        sure = 0
        for cell in self.suspects:
            self.solver.minimize(cell)
            least = self.solver.val(cell)
            self.solver.maximize(cell)
            sure += least > 1e-6 and self.solver.val(cell) < self.rules.k - 1e-6
        return sure


def days(seed: int, rate: float) -> Iterator[Hospital]:
    """The same hospital, which lives on from one day to the next."""
    dice, hospital, number = random.Random(seed), Hospital(), 0
    for _ in range(DAYS):
        for _ in range(sum(dice.random() < rate / 28 for _ in range(4))):
            hospital.admit(1, start=number, sex=dice.choice("FFFFFMMO"), stage=dice.choice([0, 0, 0, 1, 1, 2]))
            number += 1
        yield hospital


def protected(folder: Path, seed: int) -> list[Seen]:
    seen: list[Seen] = []
    with opened(folder, seed, audit=WitnessAudit(), files=MemoryDisk()) as domain:
        known: object = None
        for day, hospital in enumerate(days(seed, 8)):
            report = domain.release(hospital.contributions(), FACTS, 100 + day)
            shown, which = vectors(report), versions(report)
            if which == known or POPULATION not in shown:
                continue
            known, state = which, domain._load().state
            assert state is not None
            snapshots = {key: state.tables[key].snapshot for key in (SEX, STAGE)}
            truth = {key: dict(one.counts(state.answers)) for key, one in snapshots.items() if one is not None}
            tables = {key: cells for key, cells in shown.items() if state.tables[key].epoch == state.epoch}
            seen.append(Seen(shown[POPULATION][()], tables, truth))
    return seen


def weekly(seed: int) -> list[Seen]:
    """The control: small counts hidden and the rest rounded, every week."""
    seen = []
    for day, hospital in enumerate(days(seed, 8)):
        if day % 7 or not hospital.people:
            continue
        truth: dict[TableKey, Vector] = {SEX: {}, STAGE: {}}
        for key, cells in truth.items():
            for answer in hospital.contributions().tables[key].values():
                for cell in answer:
                    cells[cell] = cells.get(cell, 0) + 1
        shown = {key: {c: n for c, v in cells.items() if (n := LOOSE.published(v))} for key, cells in truth.items()}
        seen.append(Seen(LOOSE.published(len(hospital.people)), shown, truth))
    return seen


@pytest.mark.parametrize("seed", range(2))
def test_t1_no_small_group_can_be_proven_at_any_version(tmp_path: Path, seed: int) -> None:
    attacker = Attacker(TENS)
    moments = protected(tmp_path, seed)
    for seen in moments:
        attacker.look(seen)
    assert len(moments) > 5
    assert len(attacker.suspects) > 3
    assert attacker.proven() == 0


def test_t1_control_the_same_attacker_proves_groups_under_suppress_and_round() -> None:
    proven = suspects = 0
    for seed in range(2):
        attacker = Attacker(LOOSE)
        for seen in weekly(seed):
            attacker.look(seen)
        proven, suspects = proven + attacker.proven(), suspects + len(attacker.suspects)
    assert proven / suspects >= 0.05
