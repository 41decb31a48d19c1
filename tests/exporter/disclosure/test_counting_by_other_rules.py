"""A study file that takes other people in: their number alone moves nothing, whoever wrote it and for what reason."""

from __future__ import annotations

from pathlib import Path

from disclosure_cast import FACTS, POPULATION, SEX, STAGE, STATE, Hospital, opened, study, vectors

WIDER = study(version=2, cohort={"modalities": ["CT", "MR"]})
ALGORITHM = study(version=2, algorithm={"name": "liver-net", "version": "2"})


def berlin() -> Hospital:
    hospital = Hospital()
    hospital.admit(60, stage=1)
    return hospital


def test_a_wider_cohort_waits_until_a_batch_of_people_has_come_beside_it(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
    hospital.admit(50, start=1000)  # whom the other cohort takes in
    with opened(tmp_path, study=WIDER) as domain:
        waits = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 150)]
        hospital.admit(9, start=2000)
        waits += [domain.release(hospital.contributions(), FACTS, point) for point in range(150, 170)]
        hospital.admit(10, start=3000)
        moves = [domain.release(hospital.contributions(), FACTS, point) for point in range(170, 190)]
    assert {one.report.tables for one in waits} == {first.report.tables}
    assert vectors(moves[-1])[POPULATION] == {(): 130}
    assert vectors(moves[-1])[SEX] == {("F",): 130}


def test_going_back_to_the_cohort_before_moves_nothing_either(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
    wider = berlin()
    wider.admit(50, start=1000)
    shown, point = set(), 101
    for version, people in ((2, wider), (3, hospital), (4, wider), (5, hospital)):
        cohort = {"modalities": ["CT", "MR"]} if people is wider else {}
        with opened(tmp_path, study=study(version=version, cohort=cohort)) as domain:
            for _ in range(20):
                shown.add(domain.release(people.contributions(), FACTS, point).report.tables)
                point += 1
    assert shown == {first.report.tables}


def test_what_waited_when_the_rules_changed_is_dropped_and_comes_with_the_next_batch(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path, seed=3) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        hospital.admit(25, start=1000)
        domain.release(hospital.contributions(), FACTS, 101)
        state = domain._load().state
        assert state is not None
        assert state.waiting is not None
        assert state.waiting.due > 102
    with opened(tmp_path, study=WIDER) as domain:
        waits = [domain.release(hospital.contributions(), FACTS, point) for point in range(102, 140)]
        hospital.admit(20, start=2000)
        moves = [domain.release(hospital.contributions(), FACTS, point) for point in range(140, 160)]
    assert {one.report.tables for one in waits} == {first.report.tables}
    assert vectors(moves[-1])[POPULATION] == {(): 110}


def test_another_algorithm_holds_up_what_it_counts_and_nothing_else(tmp_path: Path) -> None:
    hospital = berlin()
    hospital.admit(20, start=500, stage=1, state="missing")
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
    for key in list(hospital.people)[:30]:
        hospital.people[key].state = "missing"  # the other algorithm finds other things
    with opened(tmp_path, study=ALGORITHM) as domain:
        still = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 130)]
        hospital.admit(25, start=1000)
        later = [domain.release(hospital.contributions(), FACTS, point) for point in range(130, 150)]
    assert {tuple(vectors(one)[STATE].items()) for one in still} == {tuple(vectors(first)[STATE].items())}
    assert vectors(later[-1])[POPULATION] == {(): 110}
    assert vectors(later[-1])[STATE] == vectors(first)[STATE], "nobody new has a result"
    assert STAGE in vectors(later[-1])
