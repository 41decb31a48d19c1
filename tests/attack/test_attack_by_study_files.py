"""T16: a coordinator writes twenty versions of a study file to single out a few people whom they know to be apart."""

from __future__ import annotations

import pytest

from attacking.on_studies import VERSIONS, by_many_versions, by_two_studies, closed, frozen_on_the_same_days
from attacking.on_twins import by_freezing_days
from attacking.people import Life
from studyscope_contract.policy import Policy
from studyscope_exporter.disclosure.audit import NoAudit
from studyscope_exporter.disclosure.witness import WitnessAudit

GROUPS = [(few, seed) for seed in range(4) for few in (3, 6, 9)]


def test_t16_twenty_cohorts_single_nobody_out() -> None:
    found = [by_many_versions(few, seed, closed(240, seed), Policy(), NoAudit()) for few, seed in GROUPS]
    assert all(one.fits for one in found)
    assert [one.versions for one in found] == [1] * len(GROUPS), "nobody new came, so nothing may move"
    assert not any(one.proven for one in found)


def test_t16_control_where_nobody_notices_that_the_cohort_is_another_they_are_found() -> None:
    found = [by_many_versions(few, seed, closed(240, seed), Policy(), NoAudit(), unsaid=True) for few, seed in GROUPS]
    assert all(one.fits for one in found)
    assert {one.versions for one in found} == {VERSIONS}
    assert sum(one.proven for one in found) / len(found) >= 0.5


@pytest.mark.parametrize("preset", ["fives", "coarse"])
def test_t16_nor_do_they_under_another_preset(preset: str) -> None:
    policy = Policy.model_validate({"preset": preset})
    found = [by_many_versions(few, 1, closed(240, 1), policy, NoAudit()) for few in (3, 6)]
    assert not any(one.proven for one in found)


@pytest.mark.parametrize("life", [Life(1, weeks=104), Life(3, weeks=40)], ids=str)
def test_t16_two_studies_over_the_same_people_do_not_show_who_is_in_one_only(life: Life) -> None:
    found = [by_two_studies((3, 6, 9)[seed % 3], seed, life, Policy()) for seed in range(3)]
    assert all(one.fits for one in found)
    assert all(one.versions > 3 for one in found)
    assert not any(one.proven for one in found)


def test_t16_control_two_studies_counted_on_the_same_days_do() -> None:
    found = [frozen_on_the_same_days((3, 6, 9)[seed % 3], seed, Life(3, weeks=40), Policy().parameters) for seed in range(9)]
    assert all(one.fits for one in found)
    assert sum(one.proven for one in found) / len(found) >= 0.5


TWINS = [(3, 2), (6, 4), (6, 7)]


def test_t16_twins_are_not_told_apart_even_by_somebody_who_knows_on_which_day_each_was_counted() -> None:
    found = [by_freezing_days(few, seed, Life(8, weeks=20), Policy(), told=True, audit=WitnessAudit()) for few, seed in TWINS]
    assert all(one.versions > 5 for one in found)
    for parts in ([one.apart(fixed=fixed) for one in found] for fixed in (True, False)):
        assert sum(one.small for one in parts) > 20
    assert sum(one.own.small for one in found) > 100
    assert not any(one.proven for one in found)


def test_t16_control_twins_that_do_not_wait_for_one_another_are() -> None:
    found = [by_freezing_days(3, seed, Life(3, weeks=26), Policy(), told=False, audit=None) for seed in (2, 3)]
    for parts in ([one.apart(fixed=fixed) for one in found] for fixed in (True, False)):
        assert sum(one.proven for one in parts) / sum(one.small for one in parts) >= 0.1
