"""Two studies of one hospital: nothing is published that, held against the other, proves who is in one of them only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from disclosure_cast import FACTS, POPULATION, SEX, Hospital, opened
from studyscope_contract.policy import PRESETS
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.census import roster_of
from studyscope_exporter.disclosure.contributions import Contributions
from studyscope_exporter.disclosure.history import Beside, Release, TableVersion
from studyscope_exporter.disclosure.neighbours import Neighbour
from studyscope_exporter.disclosure.witness import WitnessAudit

TENS = PRESETS["tens"]
WOMEN, MEN = ("F",), ("M",)


def told(point: int, women: int, men: int) -> Release:
    """A study of so many, as it would be shown."""
    versions = []
    for key, counts in ((POPULATION, {(): women + men}), (SEX, {WOMEN: women, MEN: men})):
        shown = {cell: number for cell, count in counts.items() if (number := TENS.published(count)) is not None}
        versions.append(TableVersion(key, point, tuple(counts), shown, counts, women + men))
    return Release(point, TENS, tuple(versions))


def beside(*history: Release, women: int, men: int) -> Beside:
    """The other study, which so many of the first are not in."""
    only_here = {POPULATION: {(): women + men}, SEX: {WOMEN: women, MEN: men}}
    return Beside(history, only_here, {POPULATION: {(): 0}, SEX: {}})


FIRST, THEIRS, THEN = told(100, women=25, men=80), [told(101, women=24, men=95), told(120, women=45, men=140)], told(125, 53, 150)


def test_a_number_that_with_one_of_another_study_proves_three_women_is_held() -> None:
    """25 to 34 of the first are at most 24 of the second and those in the first only; later at least 45 and at most 54."""
    other = beside(*THEIRS, women=3, men=12)
    assert WitnessAudit().audit([FIRST], THEN).passed
    verdict = WitnessAudit().audit([FIRST], replace(THEN, beside=(other,)))
    assert not verdict.passed
    assert verdict.why == ("in one of two studies only, sex: F",)


def test_where_enough_women_are_in_one_only_nothing_is_held() -> None:
    assert WitnessAudit().audit([FIRST], replace(told(125, 65, 150), beside=(beside(*THEIRS, women=13, men=12),))).passed


def test_a_domain_tells_its_audit_who_is_in_one_study_only_and_keeps_none_of_it(tmp_path: Path) -> None:
    hospital, asked = Hospital(), list[Release]()
    hospital.admit(60)
    members = roster_of(hospital.people)

    class Asks:
        def audit(self, history: object, candidate: Release) -> Verdict:
            asked.append(candidate)
            return WitnessAudit().audit((), candidate)

    fixed = {SEX: {patient: frozenset({WOMEN}) for patient in members[7:].tolist()}}
    other = Neighbour("other", members[7:], members[:0], fixed, (told(90, 40, 20),))
    with opened(tmp_path, audit=Asks()) as domain:
        domain.release(Contributions(hospital.contributions().tables, beside=(other,)), FACTS, 100)
        for point in range(101, 120):
            domain.release(Contributions(hospital.contributions().tables, beside=(other,)), FACTS, point)
        kept = domain.shown_so_far()

    (candidate,) = asked
    (known,) = candidate.beside
    assert known.only_here[POPULATION] == {(): 7}
    assert sum(known.only_here[SEX].values()) == 7
    assert known.only_there[POPULATION] == {(): 0}
    assert [release.beside for release in kept] == [()]
