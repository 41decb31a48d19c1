"""The reader attacker, and a site that loses its state: neither says more than a batch of people."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacking.hospital import lived
from attacking.on_readers import NAMES_OF_PEOPLE, exactly_every_day, from_releases, weeks_of_the_reader
from attacking.on_recovery import after_recovery, begun_anew
from attacking.people import Life
from studyscope_contract.catalogue import TABLES, centre
from studyscope_contract.metric import Unit
from studyscope_contract.policy import Policy
from studyscope_exporter.disclosure.audit import NoAudit

TENS = Policy().parameters
LIVES = (Life(1, weeks=80, advance=0.2), Life(3, weeks=40, advance=0.2), Life(8, weeks=24, advance=0.2))


def test_no_table_and_no_series_counts_by_who_did_the_work() -> None:
    labels = {label for table in TABLES.values() for label in table.labels}
    labels |= {label for series in (*centre.SITE_SERIES, *centre.STUDY_SERIES) for label in series.labels}
    assert not [label for label in labels for word in NAMES_OF_PEOPLE if word in label]
    assert {table.unit for table in TABLES.values()} <= {Unit.PATIENT, Unit.REPORTED}


@pytest.mark.parametrize("life", LIVES, ids=str)
def test_nobody_learns_of_any_week_that_the_only_reader_worked_or_how_much(life: Life) -> None:
    history = lived(life, 1, Policy(), NoAudit())
    known = from_releases(history, TENS)
    weeks = list(weeks_of_the_reader(history, known, life.weeks))
    assert len(known) > 3
    assert all(week.least <= week.true <= week.most for week in weeks)
    assert max(week.least for week in weeks) == 0
    assert min(week.most - week.least for week in weeks) >= TENS.b - 1


def test_control_exact_numbers_every_evening_are_a_time_sheet() -> None:
    history = lived(LIVES[1], 1, Policy(), NoAudit())
    weeks = list(weeks_of_the_reader(history, exactly_every_day(history, LIVES[1].weeks), LIVES[1].weeks))
    assert all(week.least == week.true == week.most for week in weeks[:-1])
    assert sum(week.true > 0 for week in weeks) > 20


@pytest.mark.parametrize("seed", range(6))
def test_t12_between_a_lost_state_and_its_next_numbers_lies_a_batch(tmp_path: Path, seed: int) -> None:
    people = after_recovery(tmp_path, seed).people
    assert people is not None
    assert people >= TENS.m


def test_t12_control_a_site_that_just_starts_again_shows_the_few_who_came(tmp_path: Path) -> None:
    windows = [begun_anew(tmp_path / str(seed), seed).people for seed in range(5)]
    assert all(people is not None and 1 <= people < TENS.m for people in windows)
