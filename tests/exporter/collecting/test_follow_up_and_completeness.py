"""Time points, intervals, lesions, attributes and variables, counted as the study file and the catalogue say."""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from disclosure_cast import study as a_study
from studyscope_contract.definition import definition
from studyscope_contract.metric import TableKey
from studyscope_contract.study import Study
from studyscope_exporter.collectors import StudyRecords, collect
from studyscope_exporter.collectors.cases import overdue
from studyscope_exporter.collectors.local_measures import local_measures
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.lesion_change import LesionChange
from studyscope_exporter.records import ImagingSeries

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
FIRST = dt.date(2026, 1, 1)
TIME_POINTS = [
    {"id": "baseline", "title": "Baseline", "day": 0, "window": 3},
    {"id": "week-4", "title": "Week 4", "day": 28, "window": 7},
    {"id": "month-6", "title": "Month 6", "day": 180, "window": 14},
]
GRADE = {"id": "grade", "title": "Grade", "codes": {"low": ["1", "G 1"], "high": ["3"]}, "missing": ["-9", "unknown"]}
numbers = itertools.count(1)


def study(**fields: Any) -> Study:
    made: Study = Study.model_validate(a_study().model_dump(mode="json", by_alias=True) | fields)
    return made


def key(text: str) -> bytes:
    return text.encode().ljust(16, b".")


def a_series(patient: str, day: int | None = 0, **other: object) -> ImagingSeries:
    base = ImagingSeries(
        series_key=key(f"s{next(numbers)}"),
        study_key=key("study"),
        patient_key=key(patient),
        modality="CT",
        vendor="siemens",
        model_class="other",
        body_part="abdomen",
        sex="F",
        age_years=50,
        acquired_on=None if day is None else FIRST + dt.timedelta(days=day),
        slice_thickness_mm=1.0,
        field_strength_tesla=None,
        identity_removed="yes",
        burned_in="no",
        synthetic=False,
    )
    return replace(base, **other)  # type: ignore[arg-type]


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: NOW) as opened:
        yield opened


def put(inventory: Inventory, *records: ImagingSeries) -> None:
    for record in records:
        inventory.put("archive", key(f"i{next(numbers)}"), [record])


def counts(records: StudyRecords, table: str, per: str = "") -> dict[str, int]:
    found = collect(records)[TableKey(table, per)]
    return dict(Counter(cell[0] for cells in found.values() for cell in cells))


def test_a_time_point_is_seen_in_its_window_missing_after_it_and_not_due_before(inventory: Inventory) -> None:
    put(inventory, a_series("p"), a_series("p", 35), a_series("q"), a_series("q", 20), a_series("r", None))
    records = StudyRecords(inventory, study(time_points=TIME_POINTS), NOW)

    assert counts(records, "time_point_state", "baseline") == {"seen": 2}
    assert counts(records, "time_point_state", "week-4") == {"seen": 1, "missing": 1}
    assert counts(records, "time_point_state", "month-6") == {"not_due": 2}


def test_the_last_day_of_a_window_is_not_missing_yet(inventory: Inventory) -> None:
    put(inventory, a_series("p"))
    on_the_last_day = dt.datetime(2026, 2, 5, tzinfo=dt.UTC)  # day 28 and a window of 7
    of_study = study(time_points=TIME_POINTS)

    assert counts(StudyRecords(inventory, of_study, on_the_last_day), "time_point_state", "week-4") == {"not_due": 1}
    later = on_the_last_day + dt.timedelta(days=1)
    assert counts(StudyRecords(inventory, of_study, later), "time_point_state", "week-4") == {"missing": 1}


def test_who_is_overdue_is_listed_for_the_hospital(inventory: Inventory) -> None:
    put(inventory, a_series("p"), a_series("p", 35), a_series("q", series_key=key("first of q")), a_series("q", 20))
    cases = list(overdue(StudyRecords(inventory, study(time_points=TIME_POINTS), NOW)))

    assert [(case.key, case.what) for case in cases] == [(key("first of q"), "Week 4: no images until 2026-02-05")]


def test_the_interval_is_between_time_points_and_not_between_days_of_one(inventory: Inventory) -> None:
    put(inventory, a_series("p"), a_series("p", 2), a_series("p", 30), a_series("p", 32), a_series("q"), a_series("q", 2))

    with_points = StudyRecords(inventory, study(time_points=TIME_POINTS), NOW)
    assert counts(with_points, "follow_up_interval") == {"30.0": 1}
    assert counts(StudyRecords(inventory, study(), NOW), "follow_up_interval") == {"14.0": 2}


def test_a_patient_can_have_lesions_of_every_fate_and_one_without_images_counts_nowhere(inventory: Inventory) -> None:
    put(inventory, a_series("p"), a_series("q"))
    changes = {key("p"): LesionChange(2, 1, 0), key("q"): LesionChange(0, 0, 0), key("nobody"): LesionChange(0, 3, 0)}
    records = StudyRecords(inventory, study(), NOW, lesion_changes=changes)

    assert counts(records, "lesion_change") == {"matched": 1, "new": 1, "none": 1}


def test_an_attribute_is_missing_where_one_series_lacks_it_and_unknown_text_is_not_mapped(inventory: Inventory) -> None:
    put(inventory, a_series("p"), a_series("p", slice_thickness_mm=None), a_series("q", vendor="other"), a_series("r"))
    put(inventory, a_series("m", modality="MR", field_strength_tesla=3.0), a_series("m", vendor="not_stated", age_years=None))
    records = StudyRecords(
        inventory, study(attributes=["SliceThickness", "Manufacturer", "MagneticFieldStrength", "PatientAge"]), NOW
    )

    assert counts(records, "attribute_completeness", "slice-thickness") == {"missing": 1, "present": 3}
    assert counts(records, "attribute_completeness", "manufacturer") == {"present": 2, "not_mapped": 1, "missing": 1}
    assert counts(records, "attribute_completeness", "magnetic-field-strength") == {"present": 1}
    assert counts(records, "attribute_completeness", "patient-age") == {"present": 3, "missing": 1}


def test_the_last_line_that_says_something_decides_whether_a_variable_is_there(inventory: Inventory) -> None:
    put(inventory, *map(a_series, ("p", "q", "r", "s")))
    said = {key("p"): ("3", "g  1", "-9"), key("q"): ("1", "seven"), key("r"): ("unknown",)}
    records = StudyRecords(inventory, study(variables=[GRADE]), NOW, clinical={"grade": said})

    assert counts(records, "variable_completeness", "grade") == {"present": 1, "not_mapped": 1, "missing": 2}
    shown = {measure.name: measure.value for measure in local_measures(records, records.patients)}
    assert shown == {"low, %": 25.0, "high, %": 0.0, "not mapped, %": 25.0, "missing, %": 50.0}


def test_a_site_without_a_column_for_a_variable_says_nothing_of_it(inventory: Inventory) -> None:
    put(inventory, a_series("p"))

    assert counts(StudyRecords(inventory, study(variables=[GRADE]), NOW), "variable_completeness", "grade") == {}
    of_another = StudyRecords(inventory, study(variables=[GRADE]), NOW, clinical={"stage": {}})
    assert counts(of_another, "variable_completeness", "grade") == {}


def test_the_hospital_sees_who_is_expected_and_who_is_not_in_both_directions(inventory: Inventory) -> None:
    put(inventory, *map(a_series, ("p", "q", "r")))
    roster = {key("p"): None, key("q"): FIRST, key("late"): None, key("later"): dt.date(2027, 1, 1)}
    records = StudyRecords(inventory, study(), NOW, roster=roster)

    shown = {measure.name: (measure.patients, round(measure.value)) for measure in local_measures(records, records.patients)}
    assert shown == {"expected by now and without images, %": (3, 33), "with images and not expected, %": (3, 33)}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"time_points": [*TIME_POINTS, {"id": "x", "title": "X", "day": 190}]}, "begins before 'month-6' has ended"),
        ({"time_points": [TIME_POINTS[0], TIME_POINTS[1] | {"id": "baseline"}]}, "time point appears twice: baseline"),
        ({"attributes": ["PatientName"]}, "PatientSex"),
        ({"attributes": ["PatientSex", "PatientSex"]}, "attribute appears twice"),
        ({"variables": [GRADE | {"codes": {"low": ["1"], "high": [" 1"]}}]}, "spelling of variable 'grade' appears twice: 1"),
        ({"variables": [GRADE | {"missing": ["LOW"]}]}, "spelling of variable 'grade' appears twice: low"),
    ],
)
def test_a_protocol_that_contradicts_itself_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(**fields)


def test_signs_tell_values_apart() -> None:
    receptor = {"id": "er", "title": "ER", "codes": {"positive": ["ER+"], "negative": ["ER-"]}}
    (variable,) = study(variables=[receptor]).variables

    assert (variable.code("er+"), variable.code("ER-"), variable.code("ER"), variable.code(" ")) == (
        "positive",
        "negative",
        None,
        "",
    )


def test_numbers_of_two_protocols_are_not_added() -> None:
    before, after = study(time_points=TIME_POINTS), study(time_points=[*TIME_POINTS[:2], TIME_POINTS[2] | {"window": 30}])
    tables = dict(before.tables())

    def moved(table: str, per: str = "") -> bool:
        at = TableKey(table, per)
        return definition(before, at, tables[at]) != definition(after, at, tables[at])

    assert moved("time_point_state", "month-6")
    assert not moved("time_point_state", "week-4")
    assert moved("follow_up_interval")
    assert not moved("lesion_change")
