"""A study file that takes other people in: their number alone moves nothing, whoever wrote it, and one person does not let it out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from disclosure_cast import DAY, FACTS, OFFICER, POPULATION, SECOND_OFFICER, SEX, STAGE, STATE, Hospital, opened, study, vectors
from studyscope_contract.policy import Policy
from studyscope_contract.study_change import recounted_tables, study_changes
from studyscope_exporter.attack.background import Background, deduced
from studyscope_exporter.attack.whole_ledger import history_of_ledger
from studyscope_exporter.disclosure.store import STATE as STATE_FILE
from studyscope_exporter.ledger_words import entries

FIRST, WIDER = study(), study(version=2, cohort={"modalities": ["CT", "MR"]})
ALGORITHM = study(version=2, algorithm={"name": "liver-net", "version": "2"})


def berlin() -> Hospital:
    hospital = Hospital()
    hospital.admit(60, stage=1)
    return hospital


def test_a_wider_cohort_is_hidden_until_a_batch_of_people_has_come_beside_it(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    hospital.admit(50, start=1000)  # whom the other cohort takes in
    with opened(tmp_path, study=WIDER) as domain:
        waits = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 150, 12)]
        hospital.admit(9, start=2000)
        waits += [domain.release(hospital.contributions(), FACTS, point) for point in range(150, 170, 9)]
        hospital.admit(10, start=3000)
        moves = [domain.release(hospital.contributions(), FACTS, point) for point in (170, 189)]
    assert {one.report.tables for one in waits} == {()}, "what was shown is not what the report's study version counts"
    assert vectors(moves[-1])[POPULATION] == {(): 130}
    assert vectors(moves[-1])[SEX] == {("F",): 130}


def test_one_approver_does_not_let_another_cohort_out(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path, policy=Policy(approvals="one")) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    hospital.admit(60, start=1000)
    with opened(tmp_path, study=WIDER, policy=Policy(approvals="one"), approve=False) as domain:
        domain.release(hospital.contributions(), FACTS, 101)
        hospital.admit(60, start=2000)
        assert POPULATION in domain.pending_approvals()
        domain.approve(domain.pending_approvals(), OFFICER, DAY)
        alone = [domain.release(hospital.contributions(), FACTS, point) for point in range(102, 130, 9)]
        assert POPULATION in domain.pending_approvals()
        domain.approve(domain.pending_approvals(), SECOND_OFFICER, DAY)
        both = domain.release(hospital.contributions(), FACTS, 130)
    assert {one.report.tables for one in alone} == {()}
    assert vectors(both)[POPULATION] == {(): 180}


def test_auto_approval_does_not_either(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path, policy=Policy(approvals="auto")) as domain:
        domain.sign_policy(OFFICER, DAY)
        domain.release(hospital.contributions(), FACTS, 100)
    with opened(tmp_path, study=WIDER, policy=Policy(approvals="auto"), approve=False) as domain:
        assert POPULATION in domain.pending_approvals()


def test_going_back_to_the_cohort_before_shows_what_was_shown_and_moves_nothing(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
    wider = berlin()
    wider.admit(50, start=1000)
    shown, point = set(), 101
    for version, people in ((2, wider), (3, hospital), (4, wider), (5, hospital)):
        cohort = {"modalities": ["CT", "MR"]} if people is wider else {}
        with opened(tmp_path, study=study(version=version, cohort=cohort)) as domain:
            for _ in range(3):
                shown.add((people is wider, domain.release(people.contributions(), FACTS, point).report.tables))
                point += 10
    assert shown == {(True, ()), (False, first.report.tables)}


def test_what_waited_when_the_rules_changed_is_dropped_and_comes_with_the_next_batch(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path, seed=3) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        hospital.admit(25, start=1000)
        domain.release(hospital.contributions(), FACTS, 101)
        state = domain._load().state
        assert state is not None
        assert state.waiting is not None
        assert state.waiting.due > 102
    with opened(tmp_path, study=WIDER) as domain:
        waits = [domain.release(hospital.contributions(), FACTS, point) for point in range(102, 140, 12)]
        hospital.admit(20, start=2000)
        moves = [domain.release(hospital.contributions(), FACTS, point) for point in (140, 159)]
    assert {one.report.tables for one in waits} == {()}
    assert vectors(moves[-1])[POPULATION] == {(): 110}


def test_another_algorithm_holds_up_what_it_counts_and_nothing_else(tmp_path: Path) -> None:
    hospital = berlin()
    hospital.admit(20, start=500, stage=1, state="missing")
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
    for key in list(hospital.people)[:30]:
        hospital.people[key].state = "missing"  # the other algorithm finds other things
    with opened(tmp_path, study=ALGORITHM) as domain:
        still = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 130, 9)]
        hospital.admit(25, start=1000)
        later = [domain.release(hospital.contributions(), FACTS, point) for point in (130, 149)]
    assert all(STATE not in vectors(one) and STAGE not in vectors(one) for one in still)
    assert {vectors(one)[SEX] == vectors(first)[SEX] for one in still} == {True}
    assert vectors(later[-1])[POPULATION] == {(): 110}
    assert STATE not in vectors(later[-1]), "nobody new has a result"
    assert STAGE in vectors(later[-1])


def test_the_ledger_says_that_a_study_counts_otherwise_so_that_what_vanished_is_not_taken_for_few(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    for _ in range(2):
        with opened(tmp_path, study=WIDER) as domain:
            domain.release(hospital.contributions(), FACTS, 101)
            ledger = domain.ledger_path.read_bytes()
    acts = [json.loads(line)["act"] for line in ledger.splitlines()]
    assert acts.count("opened") == 2
    assert [moment.other_rules for moment in history_of_ledger(ledger).moments] == [False, True]


def test_a_change_of_the_cohort_is_told_before_it_is_accepted() -> None:
    (words,) = [line for line in study_changes(FIRST, WIDER) if "by other rules" in line]
    assert "two approvers" in words
    assert "population" in words
    titled = study(version=2, title="Livers, second part")
    assert not recounted_tables(FIRST, titled)
    assert not any("by other rules" in line for line in study_changes(FIRST, titled))


def test_what_was_hidden_stays_hidden_when_the_state_is_lost(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
    with opened(tmp_path, study=WIDER) as domain:
        domain.release(hospital.contributions(), FACTS, 101)
    (tmp_path / STATE_FILE).unlink()
    with opened(tmp_path, study=WIDER, approve=False) as domain:
        frozen = domain.release(hospital.contributions(), FACTS, 102)
    assert POPULATION in vectors(first)
    assert frozen.report.tables == ()


def test_what_is_shown_again_after_a_while_is_no_second_look_for_an_attacker(tmp_path: Path) -> None:
    hospital = berlin()
    ledger = b""
    for point, version in ((100, FIRST), (101, WIDER), (102, study(version=3))):
        with opened(tmp_path, study=version) as domain:
            domain.release(hospital.contributions(), FACTS, point)
            ledger = domain.ledger_path.read_bytes()
    history = history_of_ledger(ledger)
    found = deduced(history, Background(nobody_leaves=True))
    assert [dict(moment.tables).get(POPULATION) for moment in history.moments] == [{(): 60}, {}, {(): 60}]
    assert len(found.versions[POPULATION]) == 1


def test_a_recovery_by_another_cohort_shows_nothing_of_the_one_before(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
    (tmp_path / STATE_FILE).unlink()
    for by, tables in ((WIDER, ()), (FIRST, first.report.tables)):
        folder = tmp_path.with_name(f"copy-{by.version}")
        shutil.copytree(tmp_path, folder)
        with opened(folder, study=by, approve=False) as domain:
            domain.recover([first.report], 1, (OFFICER, SECOND_OFFICER), DAY)
            assert domain.release(hospital.contributions(), FACTS, 101).report.tables == tables


def test_the_ledger_in_words_names_the_tables_that_count_otherwise(tmp_path: Path) -> None:
    hospital = berlin()
    for point, version in ((100, FIRST), (101, ALGORITHM)):
        with opened(tmp_path, study=version) as domain:
            domain.release(hospital.contributions(), FACTS, point)
            found = [one.what for one in entries(domain.ledger_path.read_bytes(), version, lambda _: None)]
    (again,) = [what for what in found if "once more" in what]
    assert "counted otherwise: " in again
    assert "stage" in again
    assert "population" not in again
