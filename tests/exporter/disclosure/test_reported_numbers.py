"""`disclosure: reported`: exact numbers that a protocol obliges to, and what they must not tell of anybody else."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from disclosure_cast import (
    DAY,
    FACTS,
    OFFICER,
    POPULATION,
    REACHED,
    SECOND_OFFICER,
    SEX,
    STAGE,
    STATE,
    Died,
    Hospital,
    MemoryDisk,
    opened,
    patient_key,
    vectors,
    versions,
)
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import PRESETS, Parameters, Policy
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.contributions import Contributions
from studyscope_exporter.disclosure.errors import PolicyLoosened
from studyscope_exporter.disclosure.history import Release, TableVersion
from studyscope_exporter.disclosure.knowledge import world_of
from studyscope_exporter.disclosure.ledger_keys import verify_ledger
from studyscope_exporter.disclosure.witness import WitnessAudit

BASIS = "Protocol 4.2, section 7.3, approved by the ethics committee of Berlin on 5 January 2026"
OBLIGED = Policy.model_validate(
    {"preset": "tens-open", "disclosure": {"reported": ["stage", "reached"], "legal_basis": BASIS}, "two_way": ["stage_by_sex"]}
)
STAGE_BY_SEX = TableKey("stage_by_sex")
OPEN = PRESETS["tens-open"]
NARROW = Parameters.model_construct(k=11, b=10, s=15, m=10)  # `tens`: b < k, which no policy may have beside exact numbers


def test_exact_numbers_leave_at_every_grid_point_zero_and_small_ones_too(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(3)
    with opened(tmp_path, policy=OBLIGED, audit=WitnessAudit()) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        hospital.admit(1, start=50, stage=1)
        second = domain.release(hospital.contributions(), FACTS, 101)
        third = domain.release(hospital.contributions(), FACTS, 102)
    assert vectors(first) == {
        STAGE: {("imaged",): 3, ("segmented",): 0, ("reviewed",): 0},
        REACHED: {("imaged",): 3, ("segmented",): 0, ("reviewed",): 0},
    }
    assert vectors(second)[STAGE] == {("imaged",): 3, ("segmented",): 1, ("reviewed",): 0}
    assert versions(third) == versions(second) == {STAGE: 2, REACHED: 2}
    assert {table.unit for table in third.report.tables} == {"reported"}
    assert third.report.policy.reported == ("reached", "stage")


def test_the_tables_beside_them_are_protected_as_ever(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(40, sex="F")
    hospital.admit(7, start=500, sex="M", stage=1)
    with opened(tmp_path, policy=OBLIGED, audit=WitnessAudit()) as domain:
        shown = vectors(domain.release(hospital.contributions(), FACTS, 100))
        hospital.admit(4, start=900, sex="M")
        later = vectors(domain.release(hospital.contributions(), FACTS, 101))
    assert shown[POPULATION] == {(): 50}
    assert shown[SEX] == {("F",): 40}
    assert shown[STAGE_BY_SEX] == {("imaged", "F"): 40}
    assert later[STAGE] == {("imaged",): 44, ("segmented",): 7, ("reviewed",): 0}
    assert {key: shown[key] for key in (POPULATION, SEX, STAGE_BY_SEX)} == {
        key: later[key] for key in (POPULATION, SEX, STAGE_BY_SEX)
    }


class Never:
    """Lets nothing out."""

    def audit(self, history: object, candidate: object, beside: object = ()) -> Verdict:
        return Verdict(False, "", ("everything",))


def test_a_hold_of_the_protected_tables_does_not_show_in_the_exact_ones(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(60)
    with opened(tmp_path, policy=OBLIGED, audit=Never()) as domain:
        for point in (100, 101, 102):
            hospital.admit(1, start=point * 10)
            shown = vectors(domain.release(hospital.contributions(), FACTS, point))
            assert shown.keys() == {STAGE, REACHED}
            assert shown[STAGE]["imaged",] == 60 + point - 99
        assert '"audit":"none: exact numbers under the protocol moved' in domain.ledger_path.read_text()


def test_a_reported_table_needs_two_approvers_whatever_the_policy_says_of_others(tmp_path: Path) -> None:
    policy = OBLIGED.model_copy(update={"approvals": "auto"})
    hospital = Hospital()
    hospital.admit(3)
    with opened(tmp_path, policy=policy, approve=False) as domain:
        domain.sign_policy(OFFICER, DAY)
        assert set(domain.pending_approvals()) == {STAGE, REACHED, STAGE_BY_SEX}
        domain.approve([STAGE], OFFICER, DAY)
        assert vectors(domain.release(hospital.contributions(), FACTS, 100)) == {}
        domain.approve([STAGE], SECOND_OFFICER, DAY)
        assert vectors(domain.release(hospital.contributions(), FACTS, 101)).keys() == {STAGE}


def test_without_a_scan_the_last_numbers_stay_and_a_restart_gives_the_same_bytes(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(5)
    with opened(tmp_path, policy=OBLIGED) as domain:
        before = domain.release(hospital.contributions(), FACTS, 100)
    hospital.admit(2, start=50)
    with opened(tmp_path, seed=7, policy=OBLIGED) as domain:
        assert domain.release(hospital.contributions(), FACTS, 100).to_bytes() == before.to_bytes()
        assert vectors(domain.release(None, FACTS, 101)) == vectors(before)
        assert domain.status().versions == {STAGE: 1, REACHED: 1}


def test_who_withdraws_is_out_of_the_exact_numbers_at_the_next_grid_point(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(5)
    with opened(tmp_path, policy=OBLIGED) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        (done,) = domain.withdraw(patient_key(0))
        assert done.shown_in == ()
        assert vectors(domain.release(hospital.contributions(), FACTS, 101))[STAGE]["imaged",] == 4


def test_a_list_that_was_not_there_today_reports_no_zeros(tmp_path: Path) -> None:
    """`roster_state` without the roster would say that nobody is expected and nobody unexpected."""
    roster = TableKey("roster_state")
    policy = Policy.model_validate({"preset": "coarse", "disclosure": {"reported": ["roster_state"], "legal_basis": BASIS}})
    hospital = Hospital()
    everybody = hospital.admit(4)
    on_the_list = {key: frozenset({("expected",)}) for key in everybody}
    with opened(tmp_path, policy=policy) as domain:
        without = Contributions({**hospital.contributions().tables, roster: {}})
        assert vectors(domain.release(without, FACTS, 100)) == {}
        there = Contributions({**hospital.contributions().tables, roster: on_the_list})
        shown = vectors(domain.release(there, FACTS, 101))
        assert shown == {roster: {("expected",): 4, ("unexpected",): 0}}
        assert vectors(domain.release(without, FACTS, 102)) == shown


def test_it_is_chosen_before_the_first_number_and_never_changed(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(3)
    plain = Policy(preset="tens-open")
    with opened(tmp_path, policy=plain) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    with opened(tmp_path, policy=OBLIGED) as domain:  # nothing was shown yet
        assert STAGE in vectors(domain.release(hospital.contributions(), FACTS, 101))
    said = "with reached, stage reported exactly; this is chosen before the first release"
    with pytest.raises(PolicyLoosened, match=said), opened(tmp_path, policy=plain):
        pass


def test_a_site_that_published_protected_numbers_never_turns_to_exact_ones(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(60)
    with opened(tmp_path, policy=Policy(preset="tens-open")) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    with pytest.raises(PolicyLoosened, match="without any table reported exactly") as raised, opened(tmp_path, policy=OBLIGED):
        pass
    assert raised.value.name == "disclosure"


def test_a_refused_table_is_not_reported_any_more(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(3)
    with opened(tmp_path, policy=OBLIGED) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    with opened(tmp_path, policy=OBLIGED.model_copy(update={"refuse": ("stage",)})) as domain:
        assert vectors(domain.release(hospital.contributions(), FACTS, 101)).keys() == {REACHED}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preset": "tens"}, "b must be at least k, here 10 < 11: use preset tens-open or coarse"),
        ({"preset": "fives"}, "here 5 < 8"),
        ({"k": 11}, "here 10 < 11"),
        (
            {"disclosure": {"reported": ["sex"], "legal_basis": BASIS}},
            "cannot be reported exactly; allowed: reached, roster_state",
        ),
        ({"disclosure": {"reported": ["population"], "legal_basis": BASIS}}, "'population' cannot be reported exactly"),
        ({"disclosure": {"reported": ["stage"]}}, "legal_basis\n  Field required"),
        ({"disclosure": {"reported": ["stage"], "legal_basis": "it is so"}}, "at least 20 characters"),
        ({"disclosure": {"reported": [], "legal_basis": BASIS}}, "at least 1 item"),
    ],
)
def test_a_policy_that_may_not_report_is_refused_with_the_reason(change: dict[str, object], message: str) -> None:
    content = {"preset": "tens-open", "disclosure": {"reported": ["stage"], "legal_basis": BASIS}}
    with pytest.raises(ValidationError, match=message):
        Policy.model_validate(content | change)


STAGES, SEXES = ("imaged", "segmented"), ("F", "M")
CODES = tuple(product(STAGES, SEXES))
Counts = tuple[int, int, int, int]


def beside_exact(counts: Counts, parameters: Parameters, point: int = 100) -> Release:
    """N, sex and stage by sex of one moment, protected, and the stages of the same patients, exact."""
    exact = dict(zip(CODES, counts, strict=True))
    women, men = counts[0] + counts[2], counts[1] + counts[3]

    def version(key: TableKey, cells: dict[tuple[str, ...], int]) -> TableVersion:
        shown = {code: number for code, count in cells.items() if (number := parameters.published(count)) is not None}
        return TableVersion(key, point, tuple(cells), shown, cells, sum(counts))

    tables = (
        version(POPULATION, {(): sum(counts)}),
        version(SEX, {("F",): women, ("M",): men}),
        version(STAGE_BY_SEX, exact),
    )
    stages = {(stage,): sum(n for cell, n in exact.items() if cell[0] == stage) for stage in STAGES}
    return Release(point, parameters, tables, {STAGE: stages})


def worlds(release: Release, *, protected: bool = True) -> list[Counts]:
    """Every world of four cells that somebody who knows the stages exactly must think possible.

    Without `protected`, somebody who has no other number.
    """
    population, sex, both = release.tables
    inside = release.parameters.bounds if protected else lambda _: (0, 1000)
    imaged, segmented = (release.reported[STAGE][stage,] for stage in STAGES)
    low, high = inside(population.shown.get(()))
    found = []
    for imaged_women in range(imaged + 1):
        for segmented_women in range(segmented + 1):
            world = (imaged_women, imaged - imaged_women, segmented_women, segmented - segmented_women)
            sides = [(both, code, n) for code, n in zip(CODES, world, strict=True)]
            sides += [(sex, ("F",), world[0] + world[2]), (sex, ("M",), world[1] + world[3])]
            fits = all(inside(table.shown.get(code))[0] <= n <= inside(table.shown.get(code))[1] for table, code, n in sides)
            if fits and low <= sum(world) <= high:
                found.append(world)
    return found


def proven(release: Release) -> bool:
    """By trying every world: whether a group of 1..k-1 is sure that the protocol does not make known itself."""
    both = release.tables[-1]
    every, known, k = worlds(release), worlds(release, protected=False), release.parameters.k
    assert tuple(both.exact[code] for code in CODES) in every
    hidden = {i for i, code in enumerate(CODES) if code not in both.shown}
    groups = [{0}, {1}, {2}, {3}, {0, 2}, {1, 3}, {0, 1, 2}, {0, 1, 3}, {0, 2, 3}, {1, 2, 3}, hidden]

    def sure(group: set[int], of: list[Counts]) -> bool:
        return bool(group) and all(1 <= sum(world[i] for i in group) < k for world in of)

    return any(sure(group, every) and not sure(group, known) for group in groups)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 32)] * 4), st.sampled_from([OPEN, NARROW]))
def test_the_audit_beside_exact_numbers_agrees_with_trying_every_world(counts: Counts, parameters: Parameters) -> None:
    release = beside_exact(counts, parameters)
    assert WitnessAudit().audit([], release).passed is not proven(release)


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(0, 32)] * 4), st.tuples(*[st.integers(0, 12)] * 4), st.sampled_from([OPEN, NARROW]))
def test_a_group_of_the_past_is_judged_by_every_exact_number_since(before: Counts, more: Counts, parameters: Parameters) -> None:
    """Two moments, nobody left: a group of either must have a witness among the pairs of worlds in which cells only grow."""
    after: Counts = tuple(a + b for a, b in zip(before, more, strict=True))  # type: ignore[assignment]
    old, new = beside_exact(before, parameters), beside_exact(after, parameters, 110)
    pairs = [
        (one, other)
        for one, other in product(worlds(old), worlds(new))
        if one[0] + one[2] <= other[0] + other[2] and one[1] + one[3] <= other[1] + other[3]
    ]
    moved = [(one, other) for one, other in pairs if one[2] <= other[2] and one[3] <= other[3]]
    sure = any(
        all(1 <= sum(pair[at][i] for i in group) < parameters.k for pair in moved)
        for at in (0, 1)
        for group in ({0}, {1}, {2}, {3}, {0, 2}, {1, 3})
    )
    if sure:
        assert not WitnessAudit().audit([old], new).passed


def test_what_exact_numbers_beside_narrow_bins_would_prove_is_found() -> None:
    """45 people, 42 of them women: with bins of ten and k = 11, men are 1 to 10 for sure."""
    release = beside_exact((42, 3, 0, 0), NARROW)
    assert proven(release)
    verdict = WitnessAudit().audit([], release)
    assert verdict.why == ("sex at grid point 100: not F",)
    silent = Release(release.grid_point, release.parameters, release.tables)
    assert WitnessAudit().audit([], silent).passed


def test_what_the_protocol_itself_makes_known_holds_nothing_back() -> None:
    """Three patients in all is no secret there: their sex is."""
    assert WitnessAudit().audit([], beside_exact((2, 1, 0, 0), OPEN)).passed


def test_a_part_of_the_patients_as_large_as_a_reported_one_is_taken_as_known() -> None:
    states = {("present",): 30, ("missing",): 5}
    shown = {("present",): 30}

    def release(reached: int) -> Release:
        version = TableVersion(STATE, 1, tuple(states), shown, states, 35)
        return Release(100, NARROW, (version,), {REACHED: {("imaged",): 50, ("segmented",): reached}})

    assert not WitnessAudit().audit([], release(35)).passed
    assert WitnessAudit().audit([], release(36)).passed


def test_the_truth_is_always_one_of_the_worlds_and_the_ledger_verifies(tmp_path: Path) -> None:
    hospital = Hospital()
    with opened(tmp_path, policy=OBLIGED, audit=WitnessAudit()) as domain:
        for point in range(100, 170):
            state = ["present", "missing"][point % 5 == 0]
            hospital.admit(2, start=point * 10, sex="FM"[point % 2], stage=point % 3, state=state)
            shown = vectors(domain.release(hospital.contributions(), FACTS, point))
            assert sum(shown[STAGE].values()) == len(hospital.people)
        state = domain._load().state
        assert verify_ledger(domain.ledger_path, domain._key.public) == []
    assert state is not None
    world = world_of(state.history)
    assert len(state.history) > 3
    assert world.holds_the_truth()
    assert all(row.low <= world.true_value(row.terms) <= row.high for row in world.rows)
    for release in state.history:
        population = [version for version in release.tables if version.key == POPULATION]
        assert all(sum(release.reported[STAGE].values()) == version.patients for version in population)
        assert not {STAGE, REACHED} & {version.key for version in release.tables}


@pytest.mark.parametrize("fuse", range(9))
def test_after_death_at_any_step_the_exact_numbers_are_those_of_one_grid_point(tmp_path: Path, fuse: int) -> None:
    disk, hospital = MemoryDisk(), Hospital()
    hospital.admit(3)
    with opened(tmp_path, policy=OBLIGED, files=disk) as domain:
        before = domain.release(hospital.contributions(), FACTS, 100)
        hospital.admit(2, start=50, stage=1)
        disk.fuse = disk.steps + fuse
        with suppress(Died):
            domain.release(hospital.contributions(), FACTS, 101)
    with opened(tmp_path, seed=9, policy=OBLIGED, files=disk.rebooted()) as domain:
        after = domain.release(hospital.contributions(), FACTS, 101)
        assert versions(after) == {key: version + 1 for key, version in versions(before).items()}
        assert vectors(after)[STAGE] == {("imaged",): 3, ("segmented",): 2, ("reviewed",): 0}
        assert domain.release(None, FACTS, 101).to_bytes() == after.to_bytes()


@pytest.mark.parametrize("seed", range(6))
def test_each_version_is_audited_beside_the_exact_numbers_of_the_day_on_which_it_was_frozen(tmp_path: Path, seed: int) -> None:
    """Two tables frozen on different days and due on one; the state of segmentations is of everybody who reached that stage."""
    hospital = Hospital()
    people = hospital.admit(150)
    with opened(tmp_path, seed=seed, policy=OBLIGED, audit=WitnessAudit()) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        for day in range(24):
            for key in people[6 * day : 6 * day + 6]:
                hospital.people[key].stage, hospital.people[key].state = 1, "present" if day % 3 else "missing"
            domain.release(hospital.contributions(), FACTS, 101 + day)
        state = domain._load().state
    assert state is not None
    found = [(one, release.reported) for release in state.history for one in release.tables if one.key == STATE]
    assert found
    assert [one.patients for one, _ in found] == [reported[REACHED]["segmented",] for _, reported in found]


def test_a_table_that_is_approved_late_shows_its_next_version_beside_exact_numbers(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(60)
    with opened(tmp_path, policy=OBLIGED, approve=False) as domain:
        for officer in (OFFICER, SECOND_OFFICER):
            domain.approve([POPULATION, STAGE, REACHED], officer, DAY)
        domain.release(hospital.contributions(), FACTS, 100)
        for officer in (OFFICER, SECOND_OFFICER):
            domain.approve(domain.pending_approvals() or [SEX], officer, DAY)
        still = domain.release(hospital.contributions(), FACTS, 101)
        hospital.admit(20, start=500)
        domain.release(hospital.contributions(), FACTS, 102)
        later = domain.release(hospital.contributions(), FACTS, 120)
    assert SEX not in vectors(still)
    assert vectors(later)[SEX] == {("F",): 80}
