"""T1, T2, T3: linear and integer programmes over every version of every table, with all that an insider may know."""

from __future__ import annotations

import pytest

from attacking.hospital import TWO_WAY
from attacking.on_versions import Tally, attacked, rounded_with_its_own_total, suppress_and_round
from attacking.people import Life
from studyscope_contract.policy import Policy
from studyscope_exporter.attack.background import Background, deduced
from studyscope_exporter.attack.claims import shown_numbers
from studyscope_exporter.attack.prover import Prover
from studyscope_exporter.disclosure.witness import WitnessAudit

ONE_WAY = [Life(1), Life(3, weeks=40, leaving=0.15), Life(8, weeks=20)]


@pytest.mark.parametrize("life", ONE_WAY, ids=str)
def test_t1_t2_nothing_small_and_nothing_exact_can_be_proven(life: Life) -> None:
    tally = attacked(life, 2, Policy(), WitnessAudit())
    assert tally.truth_excluded == 0
    assert tally.small > 50
    assert tally.small_proven == 0
    assert tally.shown_exact == 0


@pytest.mark.parametrize("life", [Life(3, weeks=36), Life(8, weeks=16)], ids=str)
def test_t1_nothing_can_be_proven_of_two_way_tables(life: Life) -> None:
    tally = attacked(life, 1, Policy(two_way=TWO_WAY), WitnessAudit())
    assert tally.truth_excluded == 0
    assert tally.small > 100
    assert (tally.small_proven, tally.shown_exact) == (0, 0)


def test_t3_few_batches_are_proven_small_and_none_is_counted() -> None:
    lives = [Life(rate, weeks=weeks, leaving=leaving) for rate, weeks in ((1, 104), (3, 52)) for leaving in (0, 0.15)]
    tally = sum((attacked(life, 2, Policy(), None) for life in lives), Tally())
    assert tally.batches > 300
    assert tally.batches_exact == 0
    assert tally.batches_proven / tally.batches <= 0.02
    assert tally.changes > 150
    assert tally.changes_of_few == 0


def test_control_the_same_attacks_succeed_where_small_counts_are_hidden_and_the_rest_is_rounded() -> None:
    tally = suppress_and_round(Life(1, weeks=36), 1)
    assert tally.truth_excluded == 0
    assert tally.small_proven / tally.small >= 0.05
    assert tally.batches_proven / tally.batches >= 0.1
    shown = deduced(rounded_with_its_own_total(), Background())
    exact = [one for one in Prover(shown.puzzle, shown_numbers(shown)).exact() if one.claim.what.startswith("sex")]
    assert [(one.least, one.most) for one in exact] == [(12, 12)] * 4


def test_control_without_the_audit_stages_and_stages_reached_give_small_groups_away() -> None:
    """Both tell of the same people in bins of their own: of 45 and more with images, at most 44 are no further."""
    assert attacked(Life(8, weeks=16), 1004, Policy(), None).small_proven > 0
