"""T3, T7, T8, T11: what an attacker with every report that ever left can do, and that the attacker works at all."""

from __future__ import annotations

import hashlib
import os
import random
from itertools import pairwise
from pathlib import Path

import pytest

from disclosure_cast import (
    FACTS,
    POPULATION,
    SEX,
    STUDY,
    VOLUME,
    Hospital,
    MemoryDisk,
    Vector,
    opened,
    patient_key,
    vectors,
)
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import PRESETS
from studyscope_exporter.disclosure.bins import shown_cells

TENS = PRESETS["tens"]
LONG = bool(os.environ.get("STUDYSCOPE_LONG_TESTS"))
HISTORIES = 12 if LONG else 3
DAYS = 360 if LONG else 110


class Arrivals:
    """A hospital to which `rate` patients a week come, some change their stage and some leave."""

    def __init__(self, rate: float, seed: int) -> None:
        self.hospital, self._dice, self._rate, self._number = Hospital(), random.Random(seed), rate, 0

    def day(self) -> None:
        for _ in range(sum(self._dice.random() < self._rate / 28 for _ in range(4))):
            sex, volume = self._dice.choice("FM"), self._dice.choice(["400.0", "1200.0", "1600.0", "2000.0"])
            self.hospital.admit(1, start=self._number, sex=sex, volume=volume, stage=self._dice.randrange(2))
            self._number += 1
        for key, person in list(self.hospital.people.items()):
            if person.stage < 2 and self._dice.random() < 0.007:
                person.stage += 1
            if self._dice.random() < 0.0003:
                del self.hospital.people[key]


History = list[tuple[dict[TableKey, Vector], dict[TableKey, Vector]]]
"""Per day: what was shown, and the truth behind it."""


def exact(hospital: Hospital) -> dict[TableKey, Vector]:
    truth: dict[TableKey, Vector] = {}
    for key, answers in hospital.contributions().tables.items():
        for cells in answers.values():
            for cell in cells:
                truth.setdefault(key, {})[cell] = truth.setdefault(key, {}).get(cell, 0) + 1
    return truth


def protected(folder: Path, rate: float, seed: int) -> History:
    arrivals, history = Arrivals(rate, seed), History()
    with opened(folder, seed, files=MemoryDisk()) as domain:
        for day in range(DAYS):
            arrivals.day()
            shown = vectors(domain.release(arrivals.hospital.contributions(), FACTS, 100 + day))
            state = domain._load().state
            assert state is not None
            truth = {
                key: table.snapshot.counts(state.answers) for key, table in state.tables.items() if table.snapshot is not None
            }
            history.append((shown, truth))
    return history


def every_scrape(rate: float, seed: int, rounding: bool) -> History:
    """The control: today's counts, every day; rounded to fives and hidden under eight, or exact."""
    arrivals, history = Arrivals(rate, seed), History()
    for _ in range(DAYS):
        arrivals.day()
        truth = exact(arrivals.hospital)
        shown = {key: dict(cells) for key, cells in truth.items()}
        if rounding:
            shown = {key: {cell: (n + 2) // 5 * 5 for cell, n in cells.items() if n >= 8} for key, cells in truth.items()}
        history.append((shown, truth))
    return history


def moves(history: History) -> list[tuple[TableKey, Vector, Vector, int]]:
    """Each change that can be seen: the table, its numbers before and after, and how much truly changed."""
    found = []
    for (before, old), (after, new) in pairwise(history):
        for key in before.keys() & after.keys():
            if before[key] != after[key]:
                cells = old[key].keys() | new[key].keys()
                found.append((key, before[key], after[key], sum(abs(new[key].get(c, 0) - old[key].get(c, 0)) for c in cells)))
    return found


def small_moves(history: History) -> int:
    """Changes behind which fewer than ten cell entries of patients are."""
    return sum(truly < TENS.m for *_, truly in moves(history))


def proven(history: History, below: int, above: int) -> int:
    """Differences of two versions that are sure to be a group of 1..k-1 when n patients lie in n-below..n+above."""
    slack, sure = below + above, 0
    for _, before, after, _ in moves(history):
        for cell in before.keys() & after.keys():
            delta = abs(after[cell] - before[cell])
            sure += delta - slack >= 1 and delta + slack <= TENS.k - 1
    return sure


@pytest.mark.parametrize("rate", [1, 3, 8])
def test_t3_behind_every_visible_change_are_ten_patients(tmp_path: Path, rate: float) -> None:
    histories = [protected(tmp_path / str(seed), rate, seed) for seed in range(HISTORIES)]
    assert sum(small_moves(history) for history in histories) == 0
    assert sum(proven(history, 5, 4) for history in histories) == 0
    if rate == 8:
        assert sum(len(moves(history)) for history in histories) > 20


@pytest.mark.parametrize("rate", [3, 8])
def test_t3_control_the_same_attacker_wins_against_every_scrape(rate: float) -> None:
    exactly, rounded = every_scrape(rate, 1, rounding=False), every_scrape(rate, 1, rounding=True)
    assert proven(exactly, 0, 0) > 50
    assert proven(rounded, 2, 2) > 10
    assert small_moves(rounded) / len(moves(rounded)) > 0.9


def test_t3_one_patient_more_is_not_seen_on_any_day(tmp_path: Path) -> None:
    """Alice comes on day 60, or not: the attacker who knows everybody else sees when the reports part."""

    def run(folder: Path, alice: bool, seed: int) -> list[dict[TableKey, Vector]]:
        arrivals, seen = Arrivals(3, 4), []
        with opened(folder, seed, files=MemoryDisk()) as domain:
            for day in range(85):
                arrivals.day()
                if alice and day == 60:
                    arrivals.hospital.admit(1, start=1_000_000, sex="F")
                seen.append(vectors(domain.release(arrivals.hospital.contributions(), FACTS, 100 + day)))
        return seen

    first_days = []
    for seed in range(5):
        without, with_alice = run(tmp_path / f"{seed}-", False, seed), run(tmp_path / f"{seed}+", True, seed)
        assert without[:60] == with_alice[:60]
        parted = [day for day in range(85) if without[day] != with_alice[day]]
        first_days.append(parted[0] if parted else None)
    assert first_days.count(60) <= 1
    assert len(set(first_days)) >= 3


def test_t3_control_exact_numbers_show_alice_on_her_day() -> None:
    hospital = Hospital()
    hospital.admit(70, sex="M")
    before = exact(hospital)
    hospital.admit(1, start=500, sex="F")
    after = exact(hospital)
    assert after[POPULATION][()] - before[POPULATION][()] == 1
    assert after[SEX][("F",)] == 1


def test_t7_ten_thousand_looks_with_restarts_between_see_one_report(tmp_path: Path) -> None:
    hospital, bodies = Hospital(), set()
    hospital.admit(83)
    looks = 10_000 if LONG else 1_000
    for restart in range(20):
        hospital.admit(1, start=1000 + restart)
        with opened(tmp_path, seed=restart) as domain:
            for look in range(looks // 20):
                report = domain.release(None if look else hospital.contributions(), FACTS, 100)
                bodies.add(hashlib.sha256(report.to_bytes()).digest())
    assert len(bodies) == 1


def test_t7_control_noise_drawn_at_each_look_is_averaged_away() -> None:
    dice = random.Random(1)
    looks = [83 + dice.gauss(0, 10) for _ in range(10_000)]
    assert round(sum(looks) / len(looks)) == 83


def test_t8_buckets_are_of_the_study_and_none_holds_few(tmp_path: Path) -> None:
    edges = {cell for cell in STUDY.codes(dict(STUDY.tables())[VOLUME])}
    seen = 0
    for seed in range(HISTORIES):
        history = protected(tmp_path / str(seed), 8, seed)
        for shown, truth in history:
            cells = shown.get(VOLUME, {})
            seen += bool(cells)
            assert cells.keys() <= edges
            assert not cells or (("+Inf",) in cells and len(cells) >= 2)
            behind = [truth.get(VOLUME, {}).get(edge, 0) for edge in sorted(edges, key=lambda edge: float(edge[0]))]
            total = 0
            for edge, count in zip(sorted(edges, key=lambda edge: float(edge[0])), behind, strict=True):
                total += count
                if edge in cells:
                    assert total >= TENS.s
                    assert cells[edge] == TENS.published(total)
                    total = 0
    assert seen > 50


def test_t8_control_fine_buckets_hold_single_patients() -> None:
    arrivals = Arrivals(8, 0)
    for _ in range(20):
        arrivals.day()
    assert min(exact(arrivals.hospital)[VOLUME].values()) < TENS.s


def worlds() -> list[tuple[Hospital, Hospital]]:
    """Pairs of hospitals that differ in what must not be seen."""
    pairs = []
    for women, men in ((41, 33), (44, 27)):
        one, other = Hospital(), Hospital()
        one.admit(women, sex="F", stage=1, volume="1600.0")
        other.admit(75 - 38, sex="F", stage=1, volume="2000.0")
        other.admit(0 if women == 41 else 1, start=900, sex="F", stage=1, volume="100.0")
        one.admit(men, start=2000, sex="M")
        other.admit(30, start=2500, sex="M")
        pairs.append((one, other))
    return pairs


@pytest.mark.parametrize("pair", range(2))
def test_t11_two_hospitals_that_show_the_same_send_the_same_bytes(tmp_path: Path, pair: int) -> None:
    one, other = worlds()[pair]
    truth = [exact(hospital) for hospital in (one, other)]
    assert truth[0][SEX] != truth[1][SEX]
    assert truth[0][POPULATION] != truth[1][POPULATION]
    reports, ledgers = [], []
    for name, hospital in (("one", one), ("other", other)):
        with opened(tmp_path / name, seed=3) as domain:
            sent = [domain.release(hospital.contributions(), FACTS, 100).to_bytes()]
            hospital.admit(2 if name == "one" else 7, start=7000)  # waits, under the gate
            sent += [domain.release(hospital.contributions(), FACTS, point).to_bytes() for point in range(101, 110)]
            reports.append(sent)
            ledgers.append(domain.ledger_path.read_bytes())
    assert reports[0] == reports[1]
    assert ledgers[0] == ledgers[1]


def test_t11_control_one_bin_further_shows() -> None:
    table = dict(STUDY.tables())[POPULATION]
    numbers = [shown_cells(table, ((),), {(): n}, patients=n, parameters=TENS, before=()) for n in (74, 75)]
    assert numbers[0] != numbers[1]
    assert patient_key(1) != patient_key(2)
