from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disclosure_cast import FACTS, POPULATION, Hospital, Vector, opened, vectors
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import PRESETS, Parameters
from studyscope_exporter.disclosure.contributions import Contributions
from studyscope_exporter.disclosure.errors import ContributionsProblem
from studyscope_exporter.disclosure.knowledge import world_of
from studyscope_exporter.disclosure.magnitude import lopsided, lopsided_increment
from studyscope_exporter.disclosure.snapshot import Snapshot
from studyscope_exporter.disclosure.witness import WitnessAudit

TENS = PRESETS["tens"]
SERIES = TableKey("image_series")


def with_series(hospital: Hospital, series: dict[bytes, int]) -> Contributions:
    amounts = {patient: frozenset({(str(amount),)}) for patient, amount in series.items()}
    return Contributions({**hospital.contributions().tables, SERIES: amounts})


def first_release(folder: Path, series: list[int]) -> dict[TableKey, Vector]:
    hospital = Hospital()
    patients = hospital.admit(len(series))
    with opened(folder, audit=WitnessAudit()) as domain:
        return vectors(domain.release(with_series(hospital, dict(zip(patients, series, strict=True))), FACTS, 100))


def test_a_sum_is_shown_in_steps_that_hold_the_most_of_one_patient(tmp_path: Path) -> None:
    shown = first_release(tmp_path, [4] * 30 + [3] * 10)
    assert shown[SERIES] == {(): 150}
    assert TENS.sum_bounds(150, 25) == (138, 162)


def test_a_sum_over_too_few_patients_is_not_shown(tmp_path: Path) -> None:
    assert SERIES not in first_release(tmp_path, [20] * 14)


@pytest.mark.parametrize(
    ("amounts", "why"),
    [
        ({25: 2, 1: 1}, "two are nearly all of it"),
        ({25: 1, 20: 1, 1: 2}, "the second largest would know the largest to a tenth"),
    ],
)
def test_a_sum_that_one_or_two_dominate_is_lopsided(amounts: dict[int, int], why: str) -> None:
    assert lopsided(amounts), why


def test_a_sum_of_many_like_amounts_is_not_lopsided() -> None:
    assert not lopsided({4: 15})
    assert not lopsided({25: 3, 1: 12})


@given(st.dictionaries(st.integers(1, 25), st.integers(1, 30), min_size=1))
def test_the_rules_agree_with_their_definitions(amounts: dict[int, int]) -> None:
    each = sorted((amount for amount, count in amounts.items() for _ in range(count)), reverse=True)
    first, second, total = each[0], sum(each[1:2]), sum(each)
    assert lopsided(amounts) is (total - first - second < 0.10 * first or first + second > 0.90 * total)


ANSWERS = tuple(frozenset({(str(amount),)}) for amount in (1, 2, 900))


def column(*amounts: int) -> np.typing.NDArray[np.int32]:
    return np.array([{0: -1, 1: 0, 2: 1, 900: 2}[amount] for amount in amounts], dtype=np.int32)


def test_a_change_that_is_one_patients_is_lopsided_though_the_sum_is_not() -> None:
    before = Snapshot(column(*[900] * 20, *[1] * 20))
    after = column(*[900] * 20, *[2] * 19, 900)
    assert lopsided_increment(before, after, ANSWERS)
    assert not lopsided_increment(before, column(*[900] * 20, *[2] * 20), ANSWERS)


def test_a_withdrawn_patients_amount_is_part_of_the_change() -> None:
    before = Snapshot(column(0, *[1] * 20), departed={("900",): 1}, gone=1)
    assert lopsided_increment(before, column(0, *[2] * 20), ANSWERS)


def test_a_sum_moves_with_its_own_clock_only(tmp_path: Path) -> None:
    hospital = Hospital()
    patients = hospital.admit(60)
    series = dict.fromkeys(patients, 4)
    with opened(tmp_path, audit=WitnessAudit()) as domain:
        before = vectors(domain.release(with_series(hospital, series), FACTS, 100))[SERIES]
        series.update(dict.fromkeys(patients[:9], 9))
        still = [vectors(domain.release(with_series(hospital, series), FACTS, point))[SERIES] for point in range(101, 130)]
        series.update(dict.fromkeys(patients[:40], 9))
        moved = [vectors(domain.release(with_series(hospital, series), FACTS, point))[SERIES] for point in range(130, 160)]
    assert before == {(): 250}
    assert all(one == before for one in still)
    assert moved[-1] == {(): 450}


def test_an_amount_over_the_clip_is_refused(tmp_path: Path) -> None:
    hospital = Hospital()
    (patient,) = hospital.admit(1)
    with opened(tmp_path) as domain, pytest.raises(ContributionsProblem, match="image_series"):
        domain.release(with_series(hospital, {patient: 26}), FACTS, 100)


@pytest.mark.parametrize(
    ("b", "clip", "width"), [(10, 10, 10), (10, 25, 25), (5, 7, 10), (20, 25, 25), (10, 60, 100), (10, 101, 250)]
)
def test_the_step_of_a_sum_is_the_smallest_that_holds_bin_and_clip(b: int, clip: int, width: int) -> None:
    assert Parameters.model_construct(k=11, b=b, s=15, m=10).width(clip) == width


@given(st.integers(15, 20_000), st.sampled_from([10, 25, 60]))
def test_the_bounds_of_a_shown_sum_hold_it(total: int, clip: int) -> None:
    shown = TENS.published_sum(total, clip)
    if shown is not None:
        low, high = TENS.sum_bounds(shown, clip)
        assert low <= total <= high


def test_a_withdrawn_patients_amount_stays_in_the_sum_until_it_moves(tmp_path: Path) -> None:
    hospital = Hospital()
    patients = hospital.admit(60)
    series = dict.fromkeys(patients, 5)
    with opened(tmp_path, audit=WitnessAudit()) as domain:
        before = vectors(domain.release(with_series(hospital, series), FACTS, 100))
        domain.withdraw(patients[0])
        after = vectors(domain.release(with_series(hospital, series), FACTS, 101))
        state = domain._load().state
    assert after[SERIES] == before[SERIES] == {(): 300}
    assert after[POPULATION] == before[POPULATION]
    assert state is not None
    world = world_of(state.history)
    assert world.holds_the_truth()
