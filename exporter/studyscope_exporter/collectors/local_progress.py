"""Exact measures of follow-up and completeness for the staff of the hospital."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from statistics import median

from studyscope_contract.catalogue.annotation import LEAST_READERS
from studyscope_exporter.collectors.cohort import StudyRecords
from studyscope_exporter.collectors.completeness import code_of
from studyscope_exporter.collectors.follow_up import seen_on
from studyscope_exporter.collectors.measure import Measure


def progress_measures(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    yield from _of_the_roster(records, admitted)
    yield from _of_time_points(records, admitted)
    yield from _of_lesions(records, admitted)
    yield from _of_variables(records, admitted)
    yield from _of_annotation(records, admitted)


def _of_the_roster(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    """Expected against received, in both directions."""
    if records.roster is None:
        return
    expected, received = records.expected_by_now, records.patients & frozenset(admitted)
    missing, unexpected = expected - records.patients, received - records.roster.keys()
    yield Measure("roster", "expected by now and without images, %", len(expected), _share(missing, expected))
    yield Measure("roster", "with images and not expected, %", len(received), _share(unexpected, received))


def _share(some: Collection[bytes], every: Collection[bytes]) -> float:
    return 100.0 * len(some) / len(every) if every else 0.0


def _of_time_points(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    followed = {patient: days for patient, days in records.image_days.items() if patient in admitted}
    for point in records.study.time_points:
        off = [abs((seen - days[0]).days - point.day) for days in followed.values() if (seen := seen_on(point, days)) is not None]
        if off:
            yield Measure(f"time point {point.id}", "days off the protocol's day, median", len(off), float(median(off)))


def _of_lesions(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    changes = [change for patient, change in records.lesion_changes.items() if patient in admitted]
    for name, counts in (
        ("found again", [change.matched for change in changes]),
        ("new", [change.new for change in changes]),
        ("gone", [change.gone for change in changes]),
    ):
        if counts:
            yield Measure("lesions", f"{name}, of all followed patients", len(counts), float(sum(counts)))


def _of_variables(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    for variable in records.study.variables:
        said = (records.clinical or {}).get(variable.id)
        if said is None or not admitted:
            continue
        codes = Counter(code_of(variable, said.get(patient, ())) for patient in admitted)
        for code in (*variable.codes, None, ""):
            name = {None: "not mapped", "": "missing"}.get(code, code)
            yield Measure(f"variable {variable.id}", f"{name}, %", len(admitted), 100.0 * codes[code] / len(admitted))


def _of_annotation(records: StudyRecords, admitted: Collection[bytes]) -> Iterator[Measure]:
    efforts = [effort for patient, effort in records.annotations.items() if patient in admitted]
    readers = {reader for effort in efforts for reader in effort.readers}
    for name, values in (
        ("rounds, median", [effort.rounds for effort in efforts]),
        ("Dice of draft and final annotation, median", [effort.draft_dice for effort in efforts]),
        # Of fewer readers it would be about a colleague.
        ("minutes, median", [effort.minutes for effort in efforts if len(readers) >= LEAST_READERS]),
    ):
        known = [value for value in values if value is not None]
        if known:
            yield Measure("annotation", name, len(known), float(median(known)))
