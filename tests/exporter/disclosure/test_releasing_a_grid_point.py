from __future__ import annotations

from pathlib import Path

import pytest

from disclosure_cast import (
    APPROVERS,
    DAY,
    FACTS,
    OFFICER,
    POPULATION,
    SECOND_OFFICER,
    SEX,
    SIGNING_KEY,
    STAGE,
    STATE,
    STUDY,
    VOLUME,
    Hospital,
    opened,
    patient_key,
    study,
    vectors,
    versions,
)
from studyscope_contract.keys import SigningKey
from studyscope_contract.policy import Policy
from studyscope_exporter.disclosure.audit import Verdict
from studyscope_exporter.disclosure.contributions import Contributions
from studyscope_exporter.disclosure.errors import ApprovalProblem, DomainInUse, DomainProblem, OlderGridPoint, PolicyLoosened
from studyscope_exporter.disclosure.ledger_keys import verify_ledger
from studyscope_exporter.disclosure.store import Lock

ALL_DELAYS = 14


def berlin(women: int = 40, men: int = 30, **attributes: object) -> Hospital:
    hospital = Hospital()
    hospital.admit(women, sex="F", **attributes)
    hospital.admit(men, start=1000, sex="M", **attributes)
    return hospital


def test_the_first_release_comes_at_once_in_multiples_of_ten(tmp_path: Path) -> None:
    with opened(tmp_path) as domain:
        report = domain.release(berlin(women=44, men=13).contributions(), FACTS, 100)
    assert report.is_signed_by(SIGNING_KEY.public)
    assert report.report.sequence == 1
    assert vectors(report)[POPULATION] == {(): 60}
    assert vectors(report)[SEX] == {("F",): 40}


def test_the_same_grid_point_gives_the_same_bytes_whatever_has_changed_since(tmp_path: Path) -> None:
    with opened(tmp_path) as domain:
        first = domain.release(berlin().contributions(), FACTS, 100).to_bytes()
        assert domain.release(berlin(women=400).contributions(), FACTS, 100).to_bytes() == first
    with opened(tmp_path) as domain:
        assert domain.release(None, FACTS, 100).to_bytes() == first


def test_an_older_grid_point_is_refused_and_a_skipped_one_is_not_missed(tmp_path: Path) -> None:
    with opened(tmp_path) as domain:
        domain.release(berlin().contributions(), FACTS, 100)
        assert domain.release(berlin().contributions(), FACTS, 107).report.sequence == 2
        with pytest.raises(OlderGridPoint):
            domain.release(berlin().contributions(), FACTS, 103)


def test_nine_new_patients_move_nothing_however_long_one_waits(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        hospital.admit(9, start=5000)
        for point in range(101, 140):
            later = domain.release(hospital.contributions(), FACTS, point)
            assert later.report.tables == first.report.tables


@pytest.mark.parametrize("seed", range(12))
def test_a_batch_that_is_large_enough_moves_after_its_secret_delay_and_what_came_later_waits(tmp_path: Path, seed: int) -> None:
    hospital = berlin()
    with opened(tmp_path, seed) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
        hospital.admit(20, start=5000, sex="F")
        moved = None
        for point in range(101, 101 + ALL_DELAYS):
            report = domain.release(hospital.contributions(), FACTS, point)
            hospital.admit(1, start=9000 + point, sex="M")
            if moved is None and versions(report)[POPULATION] == 2:
                moved = point
                assert vectors(report)[SEX] == {("F",): 60, ("M",): 30}
    assert moved is not None


def test_two_seeds_of_the_secret_wait_differently(tmp_path: Path) -> None:
    days = set()
    for seed in range(10):
        hospital = berlin()
        with opened(tmp_path / str(seed), seed) as domain:
            domain.release(hospital.contributions(), FACTS, 100)
            hospital.admit(30, start=5000)
            reports = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 120)]
        days.add(sum(versions(report)[POPULATION] == 1 for report in reports))
    assert len(days) >= 4


def test_a_stage_moves_over_the_old_membership_and_leaves_other_tables_alone(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        hospital.admit(8, start=5000)
        for key in list(hospital.people)[:25]:
            hospital.people[key].stage = 1
        reports = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 116)]
    assert vectors(reports[-1])[STAGE] == {("imaged",): 50, ("segmented",): 30}
    assert vectors(reports[-1])[SEX] == vectors(first)[SEX]
    assert versions(reports[-1])[POPULATION] == 1


def test_what_is_fixed_at_admission_never_changes_for_a_patient_who_was_counted(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        for person in hospital.people.values():
            person.sex = "O"
        hospital.admit(25, start=5000, sex="F")
        reports = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 120)]
    assert vectors(first)[SEX] == {("F",): 40, ("M",): 30}
    assert vectors(reports[-1])[SEX] == {("F",): 70, ("M",): 30}


def test_without_a_complete_scan_a_heartbeat_goes_out_and_nothing_moves(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        hospital.admit(30, start=5000)
        beats = [domain.release(None, FACTS, point) for point in range(101, 130)]
    assert [beat.report.sequence for beat in beats] == list(range(2, 31))
    assert {beat.report.content for beat in beats} == {first.report.content}


def test_a_table_without_approval_shows_nothing_and_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, approve=False) as domain:
        silent = domain.release(berlin().contributions(), FACTS, 100)
        domain.approve([POPULATION, SEX], OFFICER, DAY)
        report = domain.release(berlin().contributions(), FACTS, 101)
        assert STAGE in domain.pending_approvals()
        assert SEX not in domain.pending_approvals()
    assert silent.report.tables == ()
    assert silent.report.facts.tables["sex"] == "not_approved"
    assert set(vectors(report)) == {POPULATION, SEX}
    assert report.report.facts.tables["sex"] == "offered"
    assert report.report.facts.tables["stage"] == "not_approved"


def test_only_a_listed_approver_can_approve(tmp_path: Path) -> None:
    with opened(tmp_path, approve=False) as domain, pytest.raises(ApprovalProblem, match="site file"):
        domain.approve([SEX], SigningKey.generate(), DAY)


def test_a_new_code_list_hides_its_table_until_two_approvers_agree_and_enough_has_changed(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    fewer = study(stages=["imaged", "segmented"], version=2)

    with opened(tmp_path, approve=False, study=fewer) as domain:
        hidden = domain.release(hospital.contributions(), FACTS, 101)
        assert {STAGE} == {key for key in domain.pending_approvals() if key.table == "stage"}
        domain.approve([STAGE], OFFICER, DAY)
        assert STAGE in domain.pending_approvals()
        domain.approve([STAGE], SECOND_OFFICER, DAY)
        assert STAGE not in domain.pending_approvals()
        still = domain.release(hospital.contributions(), FACTS, 102)
        hospital.admit(30, start=5000)
        later = [domain.release(hospital.contributions(), FACTS, point) for point in range(103, 120)]
    assert STAGE not in vectors(hidden)
    assert SEX in vectors(hidden)
    assert STAGE not in vectors(still)
    assert vectors(later[-1])[STAGE] == {("imaged",): 100}


def test_a_looser_policy_is_refused_once_something_was_shown(tmp_path: Path) -> None:
    with opened(tmp_path, policy=Policy(preset="coarse")) as domain:
        domain.release(berlin().contributions(), FACTS, 100)
    with pytest.raises(PolicyLoosened), opened(tmp_path, policy=Policy()):
        pass
    with pytest.raises(PolicyLoosened), opened(tmp_path, policy=Policy(preset="coarse", delay_days=7)):
        pass


@pytest.mark.parametrize(
    ("width", "why"), [(20, "take an odd multiple, 30 or 50, or keep 10"), (25, "bins of 25 cut through the bins of 10")]
)
def test_bins_that_cut_through_those_of_the_past_are_refused_with_those_that_do_not(tmp_path: Path, width: int, why: str) -> None:
    with opened(tmp_path) as domain:
        domain.release(berlin().contributions(), FACTS, 100)
    cutting = Policy(b=width, s=5 * width - width // 2)
    with pytest.raises(PolicyLoosened, match=why), opened(tmp_path, policy=cutting):
        pass
    with opened(tmp_path, policy=Policy(b=30, s=45)) as domain:
        assert domain.release(berlin().contributions(), FACTS, 101).report.policy.parameters.b == 30


def test_a_refused_table_never_leaves(tmp_path: Path) -> None:
    with opened(tmp_path, policy=Policy(refuse=("sex",))) as domain:
        report = domain.release(berlin().contributions(), FACTS, 100)
        with pytest.raises(ApprovalProblem):
            domain.approve([SEX], OFFICER, DAY)
    assert SEX not in vectors(report)
    assert report.report.facts.tables["sex"] == "refused"


@pytest.mark.parametrize(("beside", "shown"), [(0, False), (1, False), (14, False), (15, True)])
def test_a_result_is_shown_only_while_the_threshold_of_people_are_beside_it(tmp_path: Path, beside: int, shown: bool) -> None:
    hospital = Hospital()
    hospital.admit(62, sex="F", stage=1, state="present")
    hospital.admit(beside, start=100, sex="F", stage=1, state="missing")
    with opened(tmp_path) as domain:
        released = vectors(domain.release(hospital.contributions(), FACTS, 100))
    assert (("present",) in released.get(STATE, {})) is shown


def test_a_sensitive_cell_that_holds_everybody_is_withheld(tmp_path: Path) -> None:
    hospital = berlin(stage=1)
    with opened(tmp_path / "all") as domain:
        everybody = domain.release(hospital.contributions(), FACTS, 100)
    for key in list(hospital.people)[:35]:
        hospital.people[key].state = "missing"
    with opened(tmp_path / "half") as domain:
        half = domain.release(hospital.contributions(), FACTS, 100)
    assert STATE not in vectors(everybody)
    assert vectors(half)[STATE] == {("present",): 40, ("missing",): 40}


def test_a_histogram_shows_merged_buckets_by_their_upper_edge(tmp_path: Path) -> None:
    hospital = berlin(women=3, men=0, stage=1, volume="400.0")
    hospital.admit(21, start=2000, stage=1, volume="1200.0")
    hospital.admit(38, start=3000, stage=1, volume="2000.0")
    with opened(tmp_path) as domain:
        report = domain.release(hospital.contributions(), FACTS, 100)
    assert vectors(report)[VOLUME] == {("1200.0",): 20, ("+Inf",): 40}


def test_a_withdrawn_patient_is_erased_at_once_and_the_numbers_stay(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        domain.withdraw(patient_key(3))
        reports = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 130)]
        state = domain._load().state
        assert state is not None
        assert patient_key(3) not in {bytes(key) for key in state.roster.tolist()}
    assert reports[-1].report.tables == first.report.tables


def test_withdrawals_ride_in_the_next_batch(tmp_path: Path) -> None:
    hospital = berlin(women=45, men=30)
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        for number in range(20):
            domain.withdraw(patient_key(number))
        reports = [domain.release(hospital.contributions(), FACTS, point) for point in range(101, 120)]
    assert vectors(first)[POPULATION] == {(): 80}
    assert vectors(reports[-1])[POPULATION] == {(): 60}
    assert vectors(reports[-1])[SEX] == {("F",): 30, ("M",): 30}


def test_people_who_go_and_come_back_are_no_change(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        for point in range(101, 161):
            away = Hospital(dict(list(hospital.people.items())[9 * (point % 2) :]))
            assert domain.release(away.contributions(), FACTS, point).report.tables == first.report.tables


def test_a_table_without_source_stays_as_it_was(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        hospital.admit(40, start=5000, sex="F")
        without = {key: table for key, table in hospital.contributions().tables.items() if key != SEX}
        for point in range(101, 120):
            during = domain.release(Contributions(without), FACTS, point)
        hospital.admit(40, start=6000, sex="F")
        for point in range(120, 140):
            after = domain.release(hospital.contributions(), FACTS, point)
    assert vectors(during)[POPULATION] == {(): 110}
    assert vectors(during)[SEX] == vectors(first)[SEX]
    assert vectors(after)[SEX] == {("F",): 120, ("M",): 30}


def test_a_preview_is_the_release_to_come_and_changes_nothing(tmp_path: Path) -> None:
    hospital = berlin(women=44)
    with opened(tmp_path) as domain:
        for point in range(100, 130):
            hospital.admit(2, start=point * 100)
            before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
            preview = domain.preview(hospital.contributions(), FACTS, point)
            assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
            assert domain.release(hospital.contributions(), FACTS, point).to_bytes() == preview.report.to_bytes()
            sex = next(table for table in preview.tables if table.key == SEX)
            assert sex.exact[("F",)] == sum(person.sex == "F" for person in hospital.people.values())
            assert str(sex.exact) not in repr(preview)
    assert preview.report.report.tables


class Refuses:
    """An audit that lets nothing pass until it is told to."""

    def __init__(self) -> None:
        self.passes = False

    def audit(self, history: object, candidate: object, beside: object = ()) -> Verdict:
        return Verdict(self.passes, "by hand", ("a group could be found",))


def test_a_held_release_looks_like_nothing_happened_and_goes_later(tmp_path: Path) -> None:
    hospital, audit = berlin(), Refuses()
    audit.passes = True
    with opened(tmp_path, audit=audit) as domain:
        first = domain.release(hospital.contributions(), FACTS, 100)
        audit.passes = False
        hospital.admit(30, start=5000)
        for point in range(101, 130):
            held = domain.release(hospital.contributions(), FACTS, point)
            assert held.report.content == first.report.content
        assert domain.status().holds > 3
        preview = domain.preview(hospital.contributions(), FACTS, 130)
        assert {table.situation for table in preview.tables if table.key == SEX} == {"held"}
        audit.passes = True
        assert vectors(domain.release(hospital.contributions(), FACTS, 130))[POPULATION] == {(): 100}
        assert domain.status().holds == 0
    assert "held" not in (tmp_path / "ledger.jsonl").read_text()


def test_a_person_looks_and_approves_while_the_service_has_the_domain_open(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as service, opened(tmp_path) as person:
        first = service.release(hospital.contributions(), FACTS, 100)
        assert person.status().sequence == first.report.sequence
        assert person.release(hospital.contributions(), FACTS, 100).to_bytes() == first.to_bytes()
        second = person.release(hospital.contributions(), FACTS, 101)
        assert service.release(hospital.contributions(), FACTS, 102).report.sequence == second.report.sequence + 1


def test_a_process_whose_turn_does_not_come_says_so(tmp_path: Path) -> None:
    lock = Lock(tmp_path, patience_seconds=0.05)
    with lock.held(), pytest.raises(DomainInUse, match="another"), lock.held():
        pass


def test_another_state_key_is_a_clear_error_and_harms_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as domain:
        domain.release(berlin().contributions(), FACTS, 100)
    with pytest.raises(DomainProblem, match="another key"), opened(tmp_path, state_key=bytes(32)):
        pass
    with opened(tmp_path) as domain:
        assert domain.release(berlin().contributions(), FACTS, 101).report.activity == "active"


def test_the_ledger_holds_every_release_and_a_changed_line_is_found(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        for point in range(100, 110):
            domain.release(hospital.contributions(), FACTS, point)
        path = domain.ledger_path
    assert verify_ledger(path, SIGNING_KEY.public) == []
    lines = path.read_bytes().splitlines(keepends=True)
    assert sum(b'"act":"release"' in line for line in lines) == 10
    assert max(len(line) for line in lines[-9:]) < 500
    path.write_bytes(b"".join(lines).replace(b'"value":70', b'"value":80'))
    assert verify_ledger(path, SIGNING_KEY.public)
    path.write_bytes(b"".join(lines[:4] + lines[5:]))
    assert any("removed" in problem for problem in verify_ledger(path, SIGNING_KEY.public))
    assert verify_ledger(path, SigningKey.generate().public)


def test_no_key_of_a_patient_is_in_clear_on_disk(tmp_path: Path) -> None:
    hospital = berlin()
    with opened(tmp_path) as domain:
        domain.release(hospital.contributions(), FACTS, 100)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert len(content) > 1000
    assert not any(key in content or key.hex().encode() in content for key in hospital.people)
    assert len(APPROVERS) == 2
    assert STUDY.id.encode() in content
