"""T1 where a classifier's decisions and how they agree with the truth are two tables of the same people, one in more detail."""

from __future__ import annotations

from attacking.on_structures import OF_CLASSIFIERS, in_tables_of
from attacking.people import Life
from studyscope_exporter.disclosure.witness import WitnessAudit

LIFE = Life(8, weeks=16, advance=3.5, classified=True)
SEEDS = (1002, 1004)


def test_t1_nobody_is_counted_whom_a_classifier_misjudged() -> None:
    found = [in_tables_of(OF_CLASSIFIERS, LIFE, seed, WitnessAudit()) for seed in SEEDS]
    assert sum(small for small, _ in found) > 10
    assert sum(proven for _, proven in found) == 0


def test_t1_control_without_the_audit_they_are() -> None:
    found = [in_tables_of(OF_CLASSIFIERS, LIFE, seed, None) for seed in SEEDS]
    assert sum(proven for _, proven in found) / sum(small for small, _ in found) >= 0.02
