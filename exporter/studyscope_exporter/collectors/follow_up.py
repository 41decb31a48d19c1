"""How patients are followed: time points of the protocol, the days between them, and what became of lesions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from studyscope_contract.catalogue import follow_up
from studyscope_contract.protocol import TimePoint
from studyscope_exporter.collectors.cells import Contribution, buckets, many_cells, one_cell
from studyscope_exporter.collectors.cohort import Collector, StudyRecords


def time_point_state(records: StudyRecords, point_id: str) -> Contribution:
    (point,) = (one for one in records.study.time_points if one.id == point_id)
    days, today = records.image_days, records.now.date()
    return one_cell(days, (_state(point, of_patient, today) for of_patient in days.values()))


def _state(point: TimePoint, days: Sequence[dt.date], today: dt.date) -> str:
    if seen_on(point, days) is not None:
        return "seen"
    return "missing" if (today - days[0]).days > point.last_day else "not_due"


def seen_on(point: TimePoint, days: Sequence[dt.date]) -> dt.date | None:
    """The first of a patient's days, in their order, that lies in the time point's window."""
    return next((day for day in days if abs((day - days[0]).days - point.day) <= point.window), None)


def follow_up_interval(records: StudyRecords, _: str) -> Contribution:
    points = records.study.time_points
    visits = {
        patient: [seen for point in points if (seen := seen_on(point, days))] if points else days
        for patient, days in records.image_days.items()
    }
    last = {patient: (days[-1] - days[-2]).days for patient, days in visits.items() if len(days) > 1}
    return buckets(follow_up.FOLLOW_UP_INTERVAL, last, map(float, last.values()))


def lesion_change(records: StudyRecords, _: str) -> Contribution:
    named = [
        (patient, name)
        for patient, change in records.lesion_changes.items()
        if patient in records.patients
        for name in change.names
    ]
    return many_cells((patient for patient, _ in named), (name for _, name in named))


COLLECTORS: dict[str, Collector] = {
    follow_up.TIME_POINT_STATE.id: time_point_state,
    follow_up.FOLLOW_UP_INTERVAL.id: follow_up_interval,
    follow_up.LESION_CHANGE.id: lesion_change,
}
