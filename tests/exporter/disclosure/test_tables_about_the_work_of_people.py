"""Tables that tell of the work of people too: nothing until the policy declares them, and then two approvers each."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from disclosure_cast import DAY, FACTS, OFFICER, SECOND_OFFICER, Hospital, opened, vectors
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import OF_READERS, Policy
from studyscope_contract.policy_change import policy_changes
from studyscope_exporter.disclosure.contributions import Contributions

ROUNDS = TableKey("annotation_rounds")
GROUND = "Works agreement on annotation of 3 May 2026, § 4"
DECLARED = Policy.model_validate({"readers": {"tables": ["annotation_rounds"], "legal_basis": GROUND}})


def annotated() -> Contributions:
    hospital = Hospital()
    hospital.admit(40)
    hospital.admit(40, start=100)
    tables = dict(hospital.contributions().tables)
    edges = ("1.0", "3.0")
    tables[ROUNDS] = {patient: frozenset({(edges[at % 2],)}) for at, patient in enumerate(sorted(tables[TableKey("population")]))}
    return Contributions(tables)


def test_every_table_made_of_an_annotation_log_is_one_of_them() -> None:
    assert OF_READERS == ("annotation_interaction", "annotation_rounds", "draft_dice")


def test_nothing_leaves_and_nobody_is_asked_while_the_policy_does_not_name_them(tmp_path: Path) -> None:
    with opened(tmp_path) as domain:
        report = domain.release(annotated(), FACTS, 100)
        assert ROUNDS not in domain.pending_approvals()
    assert ROUNDS not in vectors(report)


def test_declared_they_leave_once_two_have_approved(tmp_path: Path) -> None:
    with opened(tmp_path, policy=DECLARED, approve=False) as domain:
        assert ROUNDS in domain.pending_approvals()
        domain.approve([ROUNDS], OFFICER, DAY)
        assert ROUNDS not in vectors(domain.release(annotated(), FACTS, 100))
        domain.approve([ROUNDS], SECOND_OFFICER, DAY)
        assert vectors(domain.release(annotated(), FACTS, 101))[ROUNDS] == {("1.0",): 40, ("+Inf",): 40}


def test_a_ground_must_be_given_and_only_such_tables_can_be_named() -> None:
    with pytest.raises(ValidationError, match="legal_basis"):
        Policy.model_validate({"readers": {"tables": ["annotation_rounds"], "legal_basis": "yes"}})
    with pytest.raises(ValidationError, match="'sex' is no table about the work of people; allowed: annotation_interaction"):
        Policy.model_validate({"readers": {"tables": ["sex"], "legal_basis": GROUND}})


def test_declaring_one_is_told_as_looser_and_asks_nobody_to_approve_the_others_again() -> None:
    assert {(one.name, one.direction) for one in policy_changes(Policy(), DECLARED)} >= {("readers", "looser")}
    assert Policy().hash != DECLARED.hash
    assert Policy().rules_hash == DECLARED.rules_hash
