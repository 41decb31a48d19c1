"""T1 where many structures are sought in the same patients: whoever knows how many were segmented counts who is without one."""

from __future__ import annotations

from attacking.on_structures import OF_STRUCTURES, by_the_threshold_alone, in_tables_of
from attacking.people import Life

LIFE = Life(8, weeks=16, advance=3.5, structures=8)


def test_t1_nobody_is_counted_who_lacks_one_of_many_structures_even_before_the_audit_looks() -> None:
    found = [in_tables_of(OF_STRUCTURES, LIFE, seed, None) for seed in (1004, 1005)]
    assert sum(small for small, _ in found) > 20
    assert sum(proven for _, proven in found) == 0


def test_t1_control_they_are_where_a_cell_is_shown_however_few_are_beside_it() -> None:
    small, proven = by_the_threshold_alone(LIFE, 1004)
    assert proven / small >= 0.02
