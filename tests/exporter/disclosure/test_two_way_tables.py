from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from disclosure_cast import DAY, FACTS, OFFICER, POPULATION, SECOND_OFFICER, SEX, STAGE, STATE, Hospital, opened, vectors
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import PRESETS, Policy
from studyscope_exporter.disclosure.contributions import Contributions
from studyscope_exporter.disclosure.errors import ContributionsProblem
from studyscope_exporter.disclosure.history import Release, TableVersion
from studyscope_exporter.disclosure.knowledge import world_of
from studyscope_exporter.disclosure.witness import WitnessAudit

TENS = PRESETS["tens"]
STAGE_BY_SEX, STATE_BY_SEX = TableKey("stage_by_sex"), TableKey("structure_state_by_sex", "liver")
DECLARED = Policy(two_way=("stage_by_sex", "structure_state_by_sex"))


def test_a_two_way_table_does_not_exist_until_the_policy_declares_it(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(60, sex="F")
    with opened(tmp_path) as domain:
        report = domain.release(hospital.contributions(), FACTS, 100)
    assert STAGE_BY_SEX not in vectors(report)
    assert "stage_by_sex" not in report.report.facts.tables


def test_a_declared_table_shows_the_crossing_of_its_two(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(40, sex="F", stage=0)
    hospital.admit(30, start=100, sex="M", stage=2)
    hospital.admit(5, start=200, sex="M", stage=0)
    with opened(tmp_path, policy=DECLARED, audit=WitnessAudit()) as domain:
        shown = vectors(domain.release(hospital.contributions(), FACTS, 100))
    assert shown[STAGE_BY_SEX] == {("imaged", "F"): 40, ("reviewed", "M"): 30}


def test_a_two_way_table_needs_two_approvers(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(60, sex="F")
    with opened(tmp_path, policy=DECLARED, approve=False) as domain:
        domain.approve(domain.pending_approvals(), OFFICER, DAY)
        assert domain.pending_approvals() == (STAGE_BY_SEX, STATE_BY_SEX)
        domain.approve(domain.pending_approvals(), SECOND_OFFICER, DAY)
        assert domain.pending_approvals() == ()


def test_declaring_or_refusing_a_table_asks_nobody_to_approve_the_others_again(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(60, sex="F")
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    with opened(tmp_path, policy=Policy(two_way=("stage_by_sex",), refuse=("modality",)), approve=False) as domain:
        assert domain.pending_approvals() == (STAGE_BY_SEX,)
        shown = vectors(domain.release(hospital.contributions(), FACTS, 101))
    assert shown[POPULATION] == {(): 60}
    assert TableKey("modality") not in shown


def test_a_result_that_all_of_a_subgroup_share_is_withheld(tmp_path: Path) -> None:
    """30 of 30 men have no liver in their segmentation: whoever knows a man of the study would know it of him."""
    hospital = Hospital()
    hospital.admit(50, sex="F", stage=1, state="present")
    hospital.admit(20, start=100, sex="F", stage=1, state="missing")
    hospital.admit(30, start=200, sex="M", stage=1, state="missing")
    with opened(tmp_path, policy=DECLARED) as domain:
        shown = vectors(domain.release(hospital.contributions(), FACTS, 100))
    assert shown[STATE] == {("present",): 50, ("missing",): 50}
    assert shown[STATE_BY_SEX] == {("present", "F"): 50, ("missing", "F"): 20}


def test_nobody_can_contribute_to_a_crossing_directly(tmp_path: Path) -> None:
    hospital = Hospital()
    (patient,) = hospital.admit(1)
    given_directly = {**hospital.contributions().tables, STAGE_BY_SEX: {patient: frozenset({("imaged", "M")})}}
    with opened(tmp_path, policy=DECLARED) as domain, pytest.raises(ContributionsProblem, match="crossed"):
        domain.release(Contributions(given_directly), FACTS, 100)


def test_a_policy_that_declares_an_unknown_or_one_way_table_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(ValidationError, match=r"two_way: 'sex' is no table for this list; allowed: .*job_outcome_by_age_band"):
        Policy(two_way=("sex",))
    with pytest.raises(ValidationError, match=r"refuse: 'sexx' is no table"):
        Policy(refuse=("sexx",))


CODES = tuple((stage, sex) for stage in ("imaged", "segmented") for sex in ("F", "M"))


def crossing(counts: tuple[int, int, int, int]) -> Release:
    """Two stages by two sexes with everything of one moment: N, sex, stage and their crossing."""
    exact = dict(zip(CODES, counts, strict=True))
    everybody = sum(counts)

    def version(key: TableKey, codes: tuple[tuple[str, ...], ...], cells: dict[tuple[str, ...], int]) -> TableVersion:
        shown = {code: number for code in codes if (number := TENS.published(cells.get(code, 0))) is not None}
        return TableVersion(key, 1, codes, shown, cells, everybody)

    def margin(place: int) -> dict[tuple[str, ...], int]:
        return {(code,): sum(n for cell, n in exact.items() if cell[place] == code) for code in {cell[place] for cell in CODES}}

    tables = (
        version(POPULATION, ((),), {(): everybody}),
        version(STAGE, (("imaged",), ("segmented",)), margin(0)),
        version(SEX, (("F",), ("M",)), margin(1)),
        version(STAGE_BY_SEX, CODES, exact),
    )
    return Release(100, TENS, tables)


def proven(release: Release) -> bool:
    """By trying every world of four cells: whether a group of 1..10 is sure, be it cell, margin, rest or complement."""
    truth = tuple(release.tables[-1].exact[code] for code in CODES)
    population, stage, sex, both = release.tables
    ranges = [range(low, high + 1) for low, high in (TENS.bounds(both.shown.get(code)) for code in CODES)]
    n_low, n_high = TENS.bounds(population.shown.get(()))

    def fits(world: tuple[int, ...]) -> bool:
        if not n_low <= sum(world) <= n_high:
            return False
        for place, table in ((0, stage), (1, sex)):
            for (code,) in table.codes:
                low, high = TENS.bounds(table.shown.get((code,)))
                if not low <= sum(n for cell, n in zip(CODES, world, strict=True) if cell[place] == code) <= high:
                    return False
        return True

    worlds = [world for world in product(*ranges) if fits(world)]
    assert truth in worlds
    hidden = [i for i, code in enumerate(CODES) if code not in both.shown]
    groups = [{0}, {1}, {2}, {3}, {0, 1}, {2, 3}, {0, 2}, {1, 3}, {0, 1, 2}, {0, 1, 3}, {0, 2, 3}, {1, 2, 3}, set(hidden)]
    return any(group and all(1 <= sum(world[i] for i in group) < TENS.k for world in worlds) for group in groups)


@settings(max_examples=25, deadline=None)
@given(st.tuples(st.integers(10, 30), st.integers(0, 12), st.integers(10, 30), st.integers(0, 12)))
def test_the_audit_of_a_crossing_agrees_with_trying_every_world(counts: tuple[int, int, int, int]) -> None:
    release = crossing(counts)
    assert WitnessAudit().audit([], release).passed is not proven(release)


def test_the_truth_is_one_of_the_worlds_and_the_margins_are_known(tmp_path: Path) -> None:
    hospital = Hospital()
    with opened(tmp_path, policy=DECLARED, audit=WitnessAudit()) as domain:
        for point in range(100, 170):
            state = ["present", "missing"][point % 5 == 0]
            hospital.admit(2, start=point * 10, sex="FM"[point % 2], stage=point % 3, state=state)
            domain.release(hospital.contributions(), FACTS, point)
        known = domain._load().state
    assert known is not None
    assert any(version.key == STAGE_BY_SEX for release in known.history for version in release.tables)
    assert any(version.key == STATE_BY_SEX for release in known.history for version in release.tables)
    world = world_of(known.history)
    assert world.holds_the_truth()
    assert all(row.low <= world.true_value(row.terms) <= row.high for row in world.rows)
    for release in known.history:
        tables = {version.key: version for version in release.tables}
        if {STAGE_BY_SEX, STAGE} <= tables.keys():
            for (stage,), count in tables[STAGE].exact.items():
                assert count == sum(n for cell, n in tables[STAGE_BY_SEX].exact.items() if cell[0] == stage)
