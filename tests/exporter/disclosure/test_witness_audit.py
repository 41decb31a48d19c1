from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacking.hospital import lived
from attacking.people import Life
from disclosure_cast import (
    DAY,
    FACTS,
    OFFICER,
    POPULATION,
    SEX,
    STATE,
    Hospital,
    opened,
    vectors,
)
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import PRESETS, Parameters, Policy
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.contributions import Cell
from studyscope_exporter.disclosure.history import Beside, Release, TableVersion
from studyscope_exporter.disclosure.knowledge import world_of
from studyscope_exporter.disclosure.witness import WitnessAudit
from studyscope_exporter.disclosure.world import Group, World
from studyscope_exporter.disclosure.world_search import Patience, WorldSearch

TENS = PRESETS["tens"]
LOOSE = Parameters.model_construct(k=8, b=5, s=8, m=10)  # no policy may be so; the audit must not need that
NARROW = Parameters.model_construct(k=10, b=5, s=13, m=10)  # 2(b-1) < k-1
CODES = (("F",), ("M",))


def version(
    key: TableKey, codes: tuple[Cell, ...], counts: dict[Cell, int], patients: int, release: Parameters, epoch: int
) -> TableVersion:
    shown = {code: number for code in codes if (number := release.published(counts.get(code, 0))) is not None}
    return TableVersion(key, epoch, codes, shown, counts, patients)


def by_sex(women: int, men: int, parameters: Parameters, epoch: int = 1) -> Release:
    """A study of two sexes, so that what is not one is the other."""
    everybody = women + men
    size = version(POPULATION, ((),), {(): everybody}, everybody, parameters, epoch)
    sexes = version(SEX, CODES, {("F",): women, ("M",): men}, everybody, parameters, epoch)
    return Release(100 + epoch, parameters, (size, sexes))


def test_a_small_group_that_a_subtraction_proves_is_found_and_named() -> None:
    verdict = WitnessAudit().audit([], by_sex(women=42, men=4, parameters=LOOSE))
    assert not verdict.passed
    assert any("sex" in name for name in verdict.why)
    assert "42" not in repr(verdict)


def test_the_same_people_pass_under_tens() -> None:
    verdict = WitnessAudit().audit([], by_sex(women=42, men=4, parameters=TENS))
    assert verdict.passed
    assert verdict.proof.startswith("witness:")


def test_an_older_group_is_found_when_a_later_release_proves_it() -> None:
    """First 8 men can be 1 to 14; later they can be 9 at most, and nobody left since."""
    older, newer = by_sex(women=30, men=8, parameters=TENS), by_sex(women=45, men=8, parameters=TENS, epoch=2)
    assert WitnessAudit().audit([], older).passed
    assert WitnessAudit().audit([], newer).passed
    verdict = WitnessAudit().audit([older], newer)
    assert not verdict.passed
    assert all("sex at grid point 101" in name for name in verdict.why)


def proven(women: int, men: int, parameters: Parameters) -> bool:
    """By trying every world: whether somebody can be sure of a group of 1..k-1."""
    size, sexes = by_sex(women, men, parameters).tables
    low, high = parameters.bounds(size.shown.get(()))
    bounds = [parameters.bounds(sexes.shown.get(code)) for code in CODES]
    every = product(*(range(least, most + 1) for least, most in bounds))
    worlds = [world for world in every if low <= sum(world) <= high]
    assert (women, men) in worlds
    groups = [(women, [w for w, _ in worlds]), (men, [m for _, m in worlds]), (women + men, [sum(world) for world in worlds])]
    return any(all(1 <= value < parameters.k for value in values) for _, values in groups)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 15), st.sampled_from([LOOSE, TENS]))
def test_the_audit_agrees_with_trying_every_world(women: int, men: int, parameters: Parameters) -> None:
    assert WitnessAudit().audit([], by_sex(women, men, parameters)).passed is not proven(women, men, parameters)


def test_asked_table_by_table_the_audit_says_what_it_says_of_everything_at_once() -> None:
    class Both:
        def __init__(self) -> None:
            self.held, self.passed = 0, 0

        def audit(self, history: Sequence[Release], candidate: Release, beside: Sequence[Beside] = ()) -> Verdict:
            verdict, k = WitnessAudit().audit(history, candidate, beside), candidate.parameters.k
            if (self.passed if verdict.passed else self.held) < 2:
                world = world_of([*history, candidate])
                groups = {one.name for one in world.groups if proven_at_once(world, one, k)}
                assert verdict.passed is not bool(groups)
                assert groups.issuperset(verdict.why)
                self.held, self.passed = self.held + (not verdict.passed), self.passed + verdict.passed
            return Verdict(True, "whatever it says")  # so that the next release is asked about, not the same again

    both = Both()
    lived(Life(8, weeks=11, leaving=0.15), 1000, Policy(), both)
    assert both.held == 2
    assert both.passed == 2


def proven_at_once(world: World, group: Group, k: int) -> bool:
    """Asked of the whole world in whole numbers, with nothing settled."""
    if not 1 <= world.true_value(group.terms) < k:
        return False
    search, values = WorldSearch(world, Patience(20.0, inf, lambda: 0.0)), []
    for sign in (1, -1):
        found = search.best(group.terms, sign)
        assert found is not None
        values.append(sum(coefficient * found[variable] for variable, coefficient in group.terms))
    return values[0] >= 1 and values[1] < k


def by_structure(number: int, present: dict[str, int], patients: int) -> Release:
    """The volumes of structures that were found in so many of the patients."""
    size = version(POPULATION, ((),), {(): patients}, patients, TENS, number)
    tables = [
        version(TableKey("structure_volume", name), (("100.0",),), {("100.0",): count}, count, TENS, number)
        for name, count in present.items()
    ]
    return Release(100 + number, TENS, (size, *tables))


def equalities(releases: Sequence[Release]) -> int:
    world = world_of(releases)
    totals = [row for row in world.rows if (row.low, row.high) == (0, 0) and [c for _, c in row.terms] == [1, -1]]
    return sum(all(world.truth[variable] in (40, 55) for variable, _ in row.terms) for row in totals)


def test_structures_found_in_equally_many_by_chance_are_not_taken_for_the_same_once_they_differed() -> None:
    first, other = by_structure(1, {"liver": 40, "spleen": 40}, 80), by_structure(2, {"liver": 55, "spleen": 52}, 100)
    same = by_structure(2, {"liver": 55, "spleen": 55}, 100)
    alone = equalities([by_structure(1, {"liver": 40}, 80)])
    assert equalities([first]) == 2 * alone + 1
    assert equalities([first, same]) == 2 * equalities([first])
    assert equalities([first, other]) == 3 * alone


def test_somebody_may_know_that_a_result_is_told_of_everybody_who_reached_a_stage() -> None:
    """A bin of those who reached it bounds those who have the result: an attacker of the house proved a small group so."""
    stages = (("imaged",), ("segmented",), ("reviewed",))
    size = version(POPULATION, ((),), {(): 80}, 80, TENS, 1)
    reached = version(TableKey("reached"), stages, dict(zip(stages, (80, 54, 30), strict=True)), 80, TENS, 1)
    state = version(STATE, (("present",), ("missing",)), {("present",): 51, ("missing",): 3}, 54, TENS, 1)
    world = world_of([Release(101, TENS, (size, reached, state))])
    pairs = [[world.truth[variable] for variable, _ in row.terms] for row in world.rows if len(row.terms) == 2]
    assert [54, 54] in pairs
    search = WorldSearch(world, Patience(20.0, inf, lambda: 0.0))
    total = next(terms for terms in (row.terms for row in world.rows) if [world.truth[v] for v, _ in terms] == [54, 54])[1]
    most = search.best([(total[0], 1)], -1)
    assert most is not None
    assert most[total[0]] == 54  # not 51 to 54 and 14 more: 54 is where the bin of those who were segmented ends


def test_the_truth_is_always_one_of_the_worlds(tmp_path: Path) -> None:
    hospital = Hospital()
    with opened(tmp_path, audit=WitnessAudit()) as domain:
        for point in range(100, 170):
            hospital.admit(
                2, start=point * 10, sex="FM"[point % 2], stage=point % 3, state=["present", "missing"][point % 5 == 0]
            )
            domain.release(hospital.contributions(), FACTS, point)
        state = domain._load().state
    assert state is not None
    world = world_of(state.history)
    assert len(state.history) > 5
    assert world.holds_the_truth()
    assert all(row.low <= world.true_value(row.terms) <= row.high for row in world.rows)
    assert any(group.name.startswith(str(STATE)) for group in world.groups)


def test_a_domain_is_audited_unless_told_otherwise_and_the_ledger_names_the_proof(tmp_path: Path) -> None:
    hospital = Hospital()
    hospital.admit(40, sex="F")
    hospital.admit(30, start=500, sex="M")
    with opened(tmp_path, audit=None) as domain:
        report = domain.release(hospital.contributions(), FACTS, 100)
        assert vectors(report)[SEX] == {("F",): 40, ("M",): 30}
        assert '"audit":"witness:' in domain.ledger_path.read_text()
        assert domain.approve([POPULATION], OFFICER, DAY).threshold == TENS.s


@pytest.mark.parametrize(("parameters", "passes"), [(NARROW, False), (TENS, True)])
def test_those_who_have_not_what_most_have_are_protected_too(parameters: Parameters, passes: bool) -> None:
    """42 of 46 have CT, so four have not (privacy.md 2.4)."""
    modality, everybody = TableKey("modality"), 46
    size = version(POPULATION, ((),), {(): everybody}, everybody, parameters, 1)
    table = version(modality, (("CT",), ("MR",)), {("CT",): 42, ("MR",): 46}, everybody, parameters, 1)
    assert WitnessAudit().audit([], Release(100, parameters, (size, table))).passed is passes


STRICTER = Parameters(k=25, b=30, s=45, m=10)


def test_what_was_shown_under_a_smaller_k_does_not_hold_everything_once_k_is_raised() -> None:
    """17 men, shown as 20 under k = 11, are surely 15 to 24: a group that k = 25 would not have shown."""
    before = by_sex(women=60, men=17, parameters=TENS)
    now = by_sex(women=90, men=60, parameters=STRICTER, epoch=2)
    assert WitnessAudit().audit([], before).passed
    assert WitnessAudit().audit([before], now).passed


def test_a_group_of_the_past_is_protected_under_the_greater_k_from_what_comes_later() -> None:
    """8 men were 0 to 14 then; that they are at most 9 later, and nobody left, would prove it, whatever k was."""
    before = by_sex(women=30, men=8, parameters=TENS)
    now = by_sex(women=45, men=8, parameters=Parameters(k=12, b=10, s=15, m=10), epoch=2)
    verdict = WitnessAudit().audit([before], now)
    assert not verdict.passed
    assert verdict.why == ("sex at grid point 101: not F",)


@pytest.mark.parametrize(
    ("whole", "cells", "part"),
    [
        (TableKey("landmark_state", "nasion"), {"found": 61, "missing": 4}, TableKey("landmark_error", "nasion")),
        (TableKey("structure_state", "liver"), {"present": 58, "missing": 4, "empty": 3}, TableKey("lesions", "liver")),
    ],
)
def test_buckets_are_held_against_the_result_whose_patients_they_hold(
    whole: TableKey, cells: dict[str, int], part: TableKey
) -> None:
    """Of 65 results 61 have an error or a number of lesions: whoever adds up the buckets counts the four that have none."""
    size = version(POPULATION, ((),), {(): 65}, 65, TENS, 1)
    state = version(whole, tuple((code,) for code in cells), {(code,): count for code, count in cells.items()}, 65, TENS, 1)
    buckets = version(part, (("1.0",), ("2.0",)), {("1.0",): 31, ("2.0",): 30}, 61, TENS, 1)
    world = world_of([Release(101, TENS, (size, state, buckets))])

    values = [sorted(world.truth[variable] for variable, _ in row.terms) for row in world.rows if (row.low, row.high) == (0, 0)]
    assert sorted([*(count for code, count in cells.items() if code != "missing"), 61]) in values


def test_a_release_for_which_there_was_no_time_is_held() -> None:
    hurried = WitnessAudit(budget=0.0)
    assert not hurried.audit([], by_sex(women=42, men=4, parameters=TENS)).passed


def test_a_search_answers_however_long_it_has_been_asked() -> None:
    """The solver adds up the time of all questions in fractions; the limit is meant for each."""
    limit, asked = 0.05, 0
    search = WorldSearch(world_of([by_sex(women=42, men=4, parameters=TENS)]), Patience(limit, inf, lambda: 0.0))
    while search.seconds_in_fractions() < 2 * limit:
        search.at_once([(asked % 3, 1)], 1 if asked % 2 else -1)
        asked += 1
    assert search.at_once([(0, 1)], 1) is not None
    assert search.at_once([(0, 1)], -1) is not None


CLASSIFIER = "malignancy"
DECIDED, AGREED = TableKey("classification_result", CLASSIFIER), TableKey("classification_outcome", CLASSIFIER)


def classified(counts: dict[str, int], without_truth: int = 0) -> Release:
    """A classifier that called so many truly and falsely positive and negative, and so many negative of whom nobody knows."""
    outcome = {(code,): counts[code] for code in ("true_positive", "false_negative", "true_negative", "false_positive")}
    positive = counts["true_positive"] + counts["false_positive"]
    result = {("positive",): positive, ("negative",): sum(counts.values()) - positive + without_truth}
    told = [(DECIDED, result), (AGREED, outcome)]
    tables = [version(key, tuple(cells), cells, sum(cells.values()), TENS, 1) for key, cells in told]
    everybody = sum(result.values())
    return Release(101, TENS, (version(POPULATION, ((),), {(): everybody}, everybody, TENS, 1), *tables))


def most_of(release: Release, key: TableKey, code: str) -> int:
    world = world_of([release])
    cell = world.newest[key, (code,)]
    found = WorldSearch(world, Patience(20.0, inf, lambda: 0.0)).best([(cell, 1)], -1)
    assert found is not None
    return found[cell]


def test_the_audit_knows_that_whoever_was_called_positive_was_so_rightly_or_wrongly() -> None:
    """Of 30 (25 to 34) who were called positive 30 (25 to 34) were rightly so: at most 9 wrongly, where 14 would look the same."""
    counts = {"true_positive": 30, "false_positive": 4, "true_negative": 60, "false_negative": 20}
    assert most_of(classified(counts), AGREED, "false_positive") == 9


def test_nor_are_more_rightly_positive_than_were_called_so_where_the_truth_of_some_is_not_known() -> None:
    counts = {"true_positive": 30, "false_positive": 4, "true_negative": 60, "false_negative": 20}
    assert most_of(classified(counts, without_truth=5), AGREED, "false_positive") == 9


def test_the_audit_knows_that_of_whom_the_sex_is_not_known_an_image_lacks_it() -> None:
    """30 of 70 lack PatientSex somewhere: of these are all whose sex is not known, at least 25 and at most 34."""
    sexes = {("F",): 20, ("M",): 20, ("O",): 0, ("not_stated",): 30}
    stated = {("present",): 40, ("missing",): 30, ("not_mapped",): 0}
    keys = [(SEX, sexes), (TableKey("attribute_completeness", "patient-sex"), stated)]
    tables = [version(key, tuple(cells), cells, 70, TENS, 1) for key, cells in keys]
    world = world_of([Release(101, TENS, (version(POPULATION, ((),), {(): 70}, 70, TENS, 1), *tables))])
    unknown, lacking = (world.newest[key, (code,)] for (key, _), code in zip(keys, ("not_stated", "missing"), strict=True))
    assert any({unknown, lacking} == {variable for variable, _ in row.terms} for row in world.rows)
