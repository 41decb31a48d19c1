"""T6: a site of the consortium takes its own exact numbers away from the centre's totals and bounds."""

from __future__ import annotations

import pytest

from attacking.hospital import lived
from attacking.on_consortium import added_up_exactly, by_an_insider
from attacking.on_versions import Tally, from_inside, from_outside
from attacking.people import Life
from studyscope_contract.policy import Policy
from studyscope_exporter.disclosure.witness import WitnessAudit


@pytest.mark.parametrize("life", [Life(1, leaving=0.15), Life(3, weeks=40)], ids=str)
def test_t6_no_site_can_prove_a_small_group_of_another_or_of_all_others(life: Life) -> None:
    sites = [lived(life, seed, Policy()) for seed in range(3)]
    tally = sum((by_an_insider(sites, from_outside(life), Policy(), insider) for insider in range(3)), Tally())
    assert tally.truth_excluded == 0
    assert tally.small > 300
    assert tally.small_proven == 0


def test_t6_nor_can_one_who_knows_how_the_others_work() -> None:
    life = Life(3, weeks=26)
    sites = [lived(life, seed, Policy(), WitnessAudit()) for seed in range(3)]
    tally = by_an_insider(sites, from_inside(life), Policy(), 0)
    assert tally.truth_excluded == 0
    assert tally.small > 100
    assert tally.small_proven == 0


def test_t6_control_a_total_of_exact_numbers_gives_the_other_sites_away() -> None:
    tally = sum((added_up_exactly(Life(1, weeks=40), seed) for seed in range(10)), Tally())
    assert tally.truth_excluded == 0
    assert tally.small > 100
    assert tally.small_proven / tally.small >= 0.2
