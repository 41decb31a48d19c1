"""What annotation took, where enough readers worked for the numbers to be about none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from studyscope_contract.catalogue import annotation
from studyscope_contract.metric import Table
from studyscope_exporter.annotation_effort import AnnotationEffort
from studyscope_exporter.collectors.cells import Contribution, buckets, many_cells
from studyscope_exporter.collectors.cohort import Collector, StudyRecords


def of_enough_readers(records: StudyRecords) -> Mapping[bytes, AnnotationEffort]:
    """Efforts on the study's patients; none where fewer than five readers, or unnamed ones, made them."""
    efforts = {patient: effort for patient, effort in records.annotations.items() if patient in records.patients}
    readers = {reader for effort in efforts.values() for reader in effort.readers}
    if len(readers) < annotation.LEAST_READERS:
        return {}
    return {patient: effort for patient, effort in efforts.items() if effort.readers}


def interaction(records: StudyRecords, _: str) -> Contribution:
    named = [(patient, name) for patient, effort in of_enough_readers(records).items() for name in effort.interactions]
    return many_cells((patient for patient, _ in named), (name for _, name in named))


def _measured(table: Table, value: Callable[[AnnotationEffort], float | None]) -> Collector:
    def collect(records: StudyRecords, _: str) -> Contribution:
        found = {patient: value(effort) for patient, effort in of_enough_readers(records).items()}
        known = {patient: number for patient, number in found.items() if number is not None}
        return buckets(table, known, known.values())

    return collect


COLLECTORS: dict[str, Collector] = {
    annotation.ANNOTATION_ROUNDS.id: _measured(annotation.ANNOTATION_ROUNDS, lambda effort: effort.rounds),
    annotation.ANNOTATION_INTERACTION.id: interaction,
    annotation.DRAFT_DICE.id: _measured(annotation.DRAFT_DICE, lambda effort: effort.draft_dice),
}
