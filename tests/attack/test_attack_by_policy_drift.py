"""T13: whoever may edit the policy edits it again and again, so that two looks at the same people say more than one."""

from __future__ import annotations

import pytest

from attacking.hospital import lived
from attacking.on_policies import bins, sharper
from attacking.on_versions import proven
from attacking.people import Life
from studyscope_contract.policy import Policy
from studyscope_exporter.disclosure.witness import WitnessAudit


def test_t13_control_bins_that_move_by_one_give_four_of_five_counts() -> None:
    found = list(sharper(bins(5, 0), bins(5, 1)))
    assert (11, 14) in {one.together for one in found if one.count == 12}
    assert len(found) == 401


TENS, THIRTIES, WHOLE_BATCHES = Policy(), Policy(b=30, s=45), Policy(k=12, m=20)
DRIFTS = [(Life(8, weeks=24, leaving=0.15), THIRTIES), (Life(8, weeks=24), THIRTIES), (Life(3, weeks=40), WHOLE_BATCHES)]


@pytest.mark.parametrize(("life", "stricter"), DRIFTS, ids=["deletions", "bins", "batches"])
def test_t13_the_audit_spans_every_policy_that_numbers_were_shown_under(life: Life, stricter: Policy) -> None:
    history = lived(life, 1, TENS, WitnessAudit(), {life.weeks // 2: stricter})
    moments = history.published.moments
    assert {moment.parameters for moment in moments} == {TENS.parameters, stricter.parameters}
    assert sum(moment.other_rules for moment in moments) == 1
    truth = {name: (behind.cells, behind.patients) for name, behind in history.truth.items()}
    tally = proven(history.published, life, truth)
    assert tally.truth_excluded == 0
    assert tally.small > 50
    assert (tally.small_proven, tally.small_exact) == (0, 0)
