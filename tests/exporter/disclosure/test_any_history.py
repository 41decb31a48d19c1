"""Random histories of a hospital: whatever happens, what is shown keeps the rules of privacy.md 2.1 to 2.3."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from disclosure_cast import (
    FACTS,
    MODALITY,
    POPULATION,
    REACHED,
    SEX,
    STAGE,
    STATE,
    VOLUME,
    Died,
    Hospital,
    MemoryDisk,
    opened,
    patient_key,
    vectors,
    versions,
)
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import PRESETS
from studyscope_exporter.disclosure.census import ABSENT
from studyscope_exporter.disclosure.domain import Domain
from studyscope_exporter.disclosure.state import State

TENS = PRESETS["tens"]
EXAMPLES = int(os.environ.get("STUDYSCOPE_LONG_TESTS", "0")) * 400 or 15


def rows(state: State, key: TableKey) -> dict[bytes, object]:
    """Each patient's answer in what the table was last counted from."""
    snapshot = state.tables[key].snapshot
    if snapshot is None:
        return {}
    pairs = zip(state.roster.tolist(), snapshot.column.tolist(), strict=True)
    return {patient: state.answers[answer] for patient, answer in pairs if answer != ABSENT}


class HospitalHistory(RuleBasedStateMachine):
    """Acts on one hospital and its domain, on a disk that may die."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.disk, self.hospital, self.dice = MemoryDisk(), Hospital(), random.Random(0)
        self.point, self.admitted, self.seed, self.erased = 100, 0, 0, set[bytes]()
        self.last: object = None
        self._before: dict[TableKey, dict[bytes, object]] = {}
        with opened(Path(self.folder.name), files=self.disk):
            pass

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(count=st.integers(1, 40), sex=st.sampled_from("FMO"), stage=st.integers(0, 2), seed=st.integers(0, 9))
    def people_come(self, count: int, sex: str, stage: int, seed: int) -> None:
        volume = ("100.0", "1200.0", "1600.0", "+Inf")[seed % 4]
        state = "missing" if seed > 7 else "present"
        modalities = frozenset(("CT", "MR", "PT")[: 1 + seed % 3])
        people = {"sex": sex, "stage": stage, "volume": volume, "state": state, "modalities": modalities}
        self.hospital.admit(count, start=self.admitted, **people)
        self.admitted += count

    @rule(count=st.integers(1, 25))
    def people_go(self, count: int) -> None:
        for key in self.dice.sample(sorted(self.hospital.people), min(count, len(self.hospital.people))):
            del self.hospital.people[key]

    @rule(count=st.integers(1, 40))
    def people_move_on(self, count: int) -> None:
        for key in self.dice.sample(sorted(self.hospital.people), min(count, len(self.hospital.people))):
            self.hospital.people[key].stage = min(2, self.hospital.people[key].stage + 1)

    @rule(number=st.integers(0, 60))
    def somebody_withdraws(self, number: int) -> None:
        self.erased.add(patient_key(number))
        with self.domain() as domain:
            domain.withdraw(patient_key(number))

    @rule(days=st.integers(1, 9), scanned=st.booleans(), fuse=st.none() | st.integers(0, 9))
    def grid_points_pass(self, days: int, scanned: bool, fuse: int | None) -> None:
        for day in range(days):
            self.point += 1 + (day == 3)
            contributions = self.hospital.contributions() if scanned or day else None
            with self.domain() as domain:
                self._before = self.rows(domain)
                self.disk.fuse = None if fuse is None or day else self.disk.steps + fuse
                try:
                    report = domain.release(contributions, FACTS, self.point)
                except Died:
                    self.disk = self.disk.rebooted()
                    report = None
            if report is None:
                with self.domain() as domain:
                    report = domain.release(contributions, FACTS, self.point)
            self.disk.fuse = None
            with self.domain() as domain:
                assert domain.release(None, FACTS, self.point).to_bytes() == report.to_bytes()
                self._compare(report, self.rows(domain))
            self.last = report

    def domain(self):  # type: ignore[no-untyped-def]
        self.seed += 1
        return opened(Path(self.folder.name), self.seed, files=self.disk)

    def rows(self, domain: Domain) -> dict[TableKey, dict[bytes, object]]:
        state = domain._load().state
        assert state is not None
        return {key: rows(state, key) for key in state.tables}

    def _compare(self, report: object, after: dict[TableKey, dict[bytes, object]]) -> None:
        """A number differs only where at least m distinct patients changed in that table."""
        old, new = (vectors(self.last) if self.last else {}), vectors(report)
        for key in old.keys() | new.keys():
            if old.get(key) != new.get(key):
                before, now = self._before[key], after[key]
                differ = {patient for patient in before.keys() | now.keys() if before.get(patient) != now.get(patient)}
                assert len(differ | (self.erased - now.keys())) >= TENS.m

    @invariant()
    def every_number_is_possible_under_the_policy(self) -> None:
        for cells in (vectors(self.last) if self.last else {}).values():
            assert all(TENS.can_publish(value) for value in cells.values())

    @invariant()
    def tables_of_one_version_fit_together(self) -> None:
        shown, which = (vectors(self.last), versions(self.last)) if self.last else ({}, {})
        if POPULATION not in shown:
            return
        low, high = TENS.bounds(shown[POPULATION][()])
        with self.domain() as domain:
            state = domain._load().state
        assert state is not None
        for key, codes in ((SEX, 4), (STAGE, 3)):
            if key in which and state.tables[key].epoch == state.epoch:
                visible = [TENS.bounds(value) for value in shown[key].values()]
                hidden = codes - len(visible)
                assert sum(least for least, _ in visible) <= high
                assert sum(most for _, most in visible) + hidden * (TENS.s - 1) >= low
        for key in (MODALITY, REACHED):
            if key in which and state.tables[key].epoch == state.epoch:
                assert all(TENS.bounds(value)[0] <= high for value in shown[key].values())

    @invariant()
    def nobody_who_withdrew_is_in_the_state(self) -> None:
        with self.domain() as domain:
            for people in self.rows(domain).values():
                assert not people.keys() & self.erased

    @invariant()
    def what_waits_is_due_within_the_longest_delay(self) -> None:
        with self.domain() as domain:
            state = domain._load().state
        assert state is not None
        waiting = [state.waiting, *(table.waiting for table in state.tables.values())]
        for one in waiting:
            assert one is None or 0 <= one.due - one.frozen_at <= 13


HospitalHistory.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnyHistory = HospitalHistory.TestCase


def test_the_same_history_and_the_same_dice_give_the_same_bytes(tmp_path: Path) -> None:
    def history(folder: Path) -> list[bytes]:
        hospital, dice, reports = Hospital(), random.Random(5), []
        with opened(folder, seed=11) as domain:
            for point in range(100, 160):
                hospital.admit(
                    dice.randrange(4), start=point * 10, stage=dice.randrange(3), volume=dice.choice(["5.0", "1200.0"])
                )
                reports.append(domain.release(hospital.contributions(), FACTS, point).to_bytes())
        return reports

    first = history(tmp_path / "first")
    assert first == history(tmp_path / "second")
    assert len({report for report in first}) == 60
    assert (VOLUME.per, STATE.per) == ("liver", "liver")
