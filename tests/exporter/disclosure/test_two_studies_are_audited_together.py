"""Two studies of one hospital: nothing is published that, held against the other, proves who is in one of them only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from disclosure_cast import FACTS, POPULATION, REACHED, SEX, STAGE, STAGES, VOLUME, Hospital, opened
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import PRESETS
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.census import roster_of
from studyscope_exporter.disclosure.contributions import Cell, Contributions
from studyscope_exporter.disclosure.history import Apart, Beside, Days, Release, TableVersion
from studyscope_exporter.disclosure.neighbours import Neighbour
from studyscope_exporter.disclosure.witness import WitnessAudit

TENS = PRESETS["tens"]
WOMEN, MEN = ("F",), ("M",)
Counts = Mapping[TableKey, Mapping[Cell, int]]
NOT_KNOWN: Counts = {}


def told(point: int, counts: Counts, *, lacking: Mapping[str, Counts], day: int | None = None) -> Release:
    """A study of so many, as it would be shown; `lacking` by study those of them who are not in that one."""
    patients, versions = counts[POPULATION][()], []
    days = None if day is None else Days(day, day)
    for key, cells in counts.items():
        shown = {cell: number for cell, count in cells.items() if (number := TENS.published(count)) is not None}
        apart = {study: Apart(only[POPULATION][()], only[key]) for study, only in lacking.items() if only is not NOT_KNOWN}
        versions.append(TableVersion(key, point, tuple(cells), shown, cells, patients, apart, days))
    return Release(point, TENS, tuple(versions))


def whole(point: int, counts: Counts, only: Counts, day: int | None = None) -> Release:
    return told(point, counts, lacking={"part": only}, day=day)


def part(point: int, counts: Counts, day: int | None = None) -> Release:
    nobody = {key: dict.fromkeys(cells, 0) for key, cells in counts.items()}
    return told(point, counts, lacking={"whole": nobody}, day=day)


def beside(theirs: Sequence[Release], today: Counts = NOT_KNOWN) -> Beside:
    here = {key: Apart(today[POPULATION][()], cells) for key, cells in today.items()}
    return Beside("whole", "part", tuple(theirs), (here, {}))


def by_sex(women: int, men: int) -> Counts:
    return {POPULATION: {(): women + men}, SEX: {WOMEN: women, MEN: men}}


FEW, ENOUGH = by_sex(3, 12), by_sex(13, 12)
THEIRS = (part(101, by_sex(24, 95)), part(120, by_sex(45, 140)))


def test_a_number_that_with_one_of_another_study_proves_three_women_is_held() -> None:
    """25 to 34 of the first are at most 24 of the second and those in the first only; later at least 45 and at most 54."""
    first, then = whole(100, by_sex(25, 80), FEW), whole(125, by_sex(53, 150), FEW)
    assert WitnessAudit().audit([first], then).passed
    verdict = WitnessAudit().audit([first], then, [beside(THEIRS)])
    assert not verdict.passed
    assert verdict.why[0].startswith("in whole and not in part: sex at grid point ")
    assert verdict.why[0].endswith(": F")


def test_where_enough_women_are_in_one_only_nothing_is_held() -> None:
    first, then = whole(100, by_sex(37, 80), ENOUGH), whole(125, by_sex(65, 150), ENOUGH)
    assert WitnessAudit().audit([first], then, [beside(THEIRS)]).passed


def test_versions_of_before_the_other_study_are_held_against_it_by_whom_it_lacks_today() -> None:
    first, then = whole(100, by_sex(25, 80), NOT_KNOWN), whole(125, by_sex(53, 150), NOT_KNOWN)
    assert WitnessAudit().audit([first], then, [beside(THEIRS)]).passed, "nobody knows who is apart"
    assert not WitnessAudit().audit([first], then, [beside(THEIRS, today=FEW)]).passed


def test_what_two_studies_prove_already_holds_no_further_release() -> None:
    """As where another policy let it out: holding the next one for ever would protect nobody."""
    out = [whole(100, by_sex(25, 80), FEW), whole(125, by_sex(53, 150), FEW)]
    further = whole(150, by_sex(83, 180), FEW)
    assert WitnessAudit().audit(out, further, [beside(THEIRS)]).passed
    assert not WitnessAudit(budget=0).audit(out, further, [beside(THEIRS)]).passed, "in doubt nothing is taken as proven already"


def stages(imaged: int, segmented: int, reviewed: int) -> Counts:
    counts = dict(zip(STAGES, (imaged, segmented, reviewed), strict=True))
    return {POPULATION: {(): sum(counts.values())}, STAGE: {(code,): number for code, number in counts.items()}}


def reached(imaged: int, segmented: int, reviewed: int) -> Counts:
    numbers = (imaged + segmented + reviewed, segmented + reviewed, reviewed)
    return {POPULATION: {(): numbers[0]}, REACHED: {(code,): number for code, number in zip(STAGES, numbers, strict=True)}}


@pytest.mark.parametrize("told_by", [stages, reached])
@pytest.mark.parametrize(("reviewed", "day", "passes"), [(54, 126, False), (47, 121, True)])
def test_of_patients_reviewed_in_one_study_only_the_days_of_counting_tell(
    told_by: Callable[[int, int, int], Counts], reviewed: int, day: int, passes: bool
) -> None:
    """27 of the whole by day 100, shown as 25 to 34, and 24 of the part a day later, at most 24: somebody is in the whole only.

    45 of the part by day 125; who counts the whole after that, and shows 45 to 54, shows that these are nine at most. Of a day
    before it, the same number shows nothing. The part tells its stages, the whole these or who reached them.
    """
    only = told_by(0, 5, 3)
    ours = [whole(103, told_by(30, 40, 27), only, 100), whole(130, told_by(30, 40, reviewed), only, day)]
    theirs = [part(104, stages(32, 40, 24), 101), part(129, stages(32, 40, 45), 125)]
    verdict = WitnessAudit().audit(ours[:1], ours[1], [beside(theirs)])
    assert verdict.passed is passes
    assert passes or "reviewed" in verdict.why[0]


def volumes(*counts: int) -> Counts:
    codes = [(str(edge),) for edge in (400, 800, 1200, 1600)]
    return {POPULATION: {(): sum(counts)}, VOLUME: dict(zip(codes, counts, strict=True))}


def as_buckets(release: Release, *shown: int) -> Release:
    """The same, with the histogram in buckets that end at these places."""
    population, histogram = release.tables
    ends, since, numbers = list(histogram.codes), 0, {}
    for at, code in enumerate(ends):
        since += histogram.exact[code]
        if at in shown:
            numbers[code], since = TENS.published(since), 0
    return replace(release, tables=(population, replace(histogram, shown=numbers)))


def test_a_bucket_of_one_study_is_held_against_the_same_range_of_another() -> None:
    """Up to 800 the whole shows 25 to 34 and the part 15 to 24; later both show 45 to 54."""
    only = volumes(1, 2, 5, 4)
    ours = [
        as_buckets(whole(103, volumes(7, 20, 40, 30), only, 100), 1, 2, 3),
        as_buckets(whole(130, volumes(14, 40, 60, 50), only, 126), 1, 2, 3),
    ]
    theirs = [as_buckets(part(104, volumes(6, 18, 40, 31), 101), 1, 3), as_buckets(part(129, volumes(10, 35, 54, 46), 125), 1, 3)]
    verdict = WitnessAudit().audit(ours[:1], ours[1], [beside(theirs)])
    assert not verdict.passed
    assert verdict.why[0].endswith(": up to 800")
    assert WitnessAudit().audit(ours[:1], ours[1]).passed


def test_a_domain_keeps_with_each_version_who_is_not_in_the_other_study_and_when_it_was_counted(tmp_path: Path) -> None:
    hospital, asked = Hospital(), list[Sequence[Beside]]()
    hospital.admit(60)
    members = roster_of(hospital.people)

    class Asks:
        def audit(self, history: Sequence[Release], candidate: Release, beside: Sequence[Beside] = ()) -> Verdict:
            asked.append(beside)
            return WitnessAudit().audit(history, candidate)

    # What the other study has shown was before it knew of this one.
    history = (told(90, by_sex(40, 20), lacking={}),)
    other = Neighbour("other", members[7:], members[:0], {SEX: dict.fromkeys(members[7:].tolist(), frozenset({WOMEN}))}, history)
    with opened(tmp_path, audit=Asks()) as domain:
        for point in range(100, 120):
            domain.release(Contributions(hospital.contributions().tables, beside=(other,)), FACTS, point)
    with opened(tmp_path) as again:
        (release,) = again.shown_so_far()

    ((known,),) = asked
    assert (known.here, known.there, known.history) == ("liver-study", "other", history)
    versions = {version.key: version for version in release.tables}
    assert versions[POPULATION].apart["other"] == Apart(7, {(): 7})
    assert versions[SEX].apart["other"].patients == 7
    assert all(version.days == Days(100, 100) for version in versions.values())
