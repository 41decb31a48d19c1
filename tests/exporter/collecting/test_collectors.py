"""Collectors count each patient once per table, as the catalogue's rule says."""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, TableKey
from studyscope_contract.study import Study
from studyscope_exporter.collectors import COLLECTORS, StudyRecords, collect
from studyscope_exporter.disclosure.contributions import amounts
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.records import ImagingSeries, Job, Segmentation, StructureVolume

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
STUDY = Study.model_validate(
    {
        "schema": 1,
        "id": "liver",
        "title": "Liver",
        "version": 1,
        "leads": [{"name": "L", "mail": "l@study.example"}],
        "sites": [{"id": "b", "name": "B", "city": "B", "latitude": 0, "longitude": 0, "member_from": "2026-01-01"}],
        "cohort": {"modalities": ["CT", "MR"]},
        "stages": ["imaged", "segmented", "reviewed", "analysed"],
        "structures": [
            {"code": "liver", "label": "Liver", "synonyms": ["Leber"]},
            {"code": "tumour", "label": "Tumour"},
        ],
        "algorithm": {"name": "nnU-Net", "version": "2"},
        "workflows": [{"id": "segment", "title": "Segment", "model": "net", "version": "2", "stuck_after_hours": 6}],
    }
)

numbers = itertools.count(1)


def key(text: str) -> bytes:
    return text.encode().ljust(16, b".")


def a_series(patient: str, **other: object) -> ImagingSeries:
    base = ImagingSeries(
        series_key=key(f"s{next(numbers)}"),
        study_key=key(f"study {patient}"),
        patient_key=key(patient),
        modality="CT",
        vendor="siemens",
        model_class="other",
        body_part="abdomen",
        sex="F",
        age_years=50,
        acquired_on=dt.date(2026, 3, 1),
        slice_thickness_mm=1.0,
        field_strength_tesla=None,
        identity_removed="yes",
        burned_in="no",
        synthetic=False,
    )
    return replace(base, **other)  # type: ignore[arg-type]


def a_segmentation(patient: str, volumes: dict[str, float], **other: object) -> Segmentation:
    base = Segmentation(
        segmentation_key=key(f"g{next(numbers)}"),
        patient_key=key(patient),
        study_key=None,
        image_series_key=None,
        algorithm="nnu-net",
        algorithm_version="2",
        review_state="automatic",
        reading="",
        structures=tuple(StructureVolume(name, volume) for name, volume in volumes.items()),
    )
    return replace(base, **other)  # type: ignore[arg-type]


def a_job(patient: str, outcome: str, started: dt.datetime, **other: object) -> Job:
    base = Job(
        job_key=key(f"j{next(numbers)}"),
        patient_key=key(patient),
        workflow="segment",
        model="net",
        model_version="2",
        outcome=outcome,
        failure_reason="none",
        queued_at=started - dt.timedelta(seconds=30),
        started_at=started,
        finished_at=started + dt.timedelta(seconds=90) if outcome in ("succeeded", "failed") else None,
    )
    return replace(base, **other)  # type: ignore[arg-type]


Record = ImagingSeries | Segmentation | Job


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: NOW) as opened:
        yield opened


def counts(inventory: Inventory, records: list[Record], table: str, per: str = "", study: Study = STUDY) -> dict[str, int]:
    """Patients per code of one table, after `records` were put into the inventory."""
    for record in records:
        inventory.put("archive", key(f"i{next(numbers)}"), [record])
    found = collect(StudyRecords(inventory, study, NOW))[TableKey(table, per)]
    return dict(Counter(cell[0] if cell else "" for cells in found.values() for cell in cells))


def test_every_table_of_the_catalogue_has_one_collector() -> None:
    assert set(COLLECTORS) == {name for name, table in TABLES.items() if table.kind is not Kind.TWO_WAY}


def test_an_empty_inventory_gives_empty_tables(inventory: Inventory) -> None:
    assert all(not contribution for contribution in collect(StudyRecords(inventory, STUDY, NOW)).values())


def test_a_patient_with_many_series_counts_once(inventory: Inventory) -> None:
    assert counts(inventory, [a_series("p"), a_series("p"), a_series("q")], "population") == {"": 2}


def test_series_outside_the_cohort_synthetic_and_derived_ones_make_no_patient(inventory: Inventory) -> None:
    outside = [a_series("p", modality="US"), a_series("q", synthetic=True), a_series("r", modality="SEG")]

    assert counts(inventory, outside, "population") == {}


def test_a_cohort_by_date_leaves_series_without_a_date_out(inventory: Inventory) -> None:
    study = STUDY.model_copy(update={"cohort": STUDY.cohort.model_copy(update={"acquired_from": dt.date(2026, 2, 1)})})
    records = [a_series("p"), a_series("q", acquired_on=None), a_series("r", acquired_on=dt.date(2025, 1, 1))]

    assert counts(inventory, list(records), "population", study=study) == {"": 1}


def test_attributes_come_from_the_first_series_by_date(inventory: Inventory) -> None:
    records: list[Record] = [
        a_series("p", vendor="ge", acquired_on=dt.date(2026, 4, 1)),
        a_series("p", vendor="philips", acquired_on=dt.date(2024, 4, 1), age_years=None, sex="not_stated"),
    ]

    assert counts(inventory, records, "vendor") == {"philips": 1}
    assert counts(inventory, [], "age_band") == {"not_stated": 1}
    assert counts(inventory, [], "sex") == {"not_stated": 1}
    assert counts(inventory, [], "acquisition_year") == {"2024": 1}


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, "0-17"), (17, "0-17"), (18, "18-39"), (39, "18-39"), (59, "40-59"), (79, "60-79"), (80, "80+"), (120, "80+")],
)
def test_ages_fall_into_bands(inventory: Inventory, age: int, band: str) -> None:
    assert counts(inventory, [a_series("p", age_years=age)], "age_band") == {band: 1}


def test_a_patient_counts_under_every_modality_once(inventory: Inventory) -> None:
    records: list[Record] = [a_series("p"), a_series("p"), a_series("p", modality="MR"), a_series("p", modality="SEG")]

    assert counts(inventory, records, "modality") == {"CT": 1, "MR": 1, "SEG": 1}


def test_slice_thickness_falls_into_the_bucket_whose_edge_holds_it(inventory: Inventory) -> None:
    records: list[Record] = [
        a_series("p", slice_thickness_mm=1.0),
        a_series("q", slice_thickness_mm=1.01),
        a_series("r", slice_thickness_mm=9.0),
        a_series("s", slice_thickness_mm=None),
    ]

    assert counts(inventory, records, "slice_thickness") == {"1.0": 1, "1.5": 1, "+Inf": 1}


def test_field_strength_is_of_mr_alone(inventory: Inventory) -> None:
    records: list[Record] = [a_series("p", field_strength_tesla=1.5), a_series("q", modality="MR", field_strength_tesla=3.0)]

    assert counts(inventory, records, "field_strength") == {"4.0": 1}


def test_a_structure_is_present_empty_or_missing_and_found_by_its_synonyms(inventory: Inventory) -> None:
    records: list[Record] = [
        *(a_series(patient) for patient in "pqr"),
        a_segmentation("p", {"leber": 1500.0, "tumour": 3.0}),
        a_segmentation("q", {"liver": 0.0}),
        a_segmentation("r", {"spleen": 200.0}),
    ]

    assert counts(inventory, records, "structure_state", "liver") == {"present": 1, "empty": 1, "missing": 1}
    assert counts(inventory, [], "structure_volume", "liver") == {"1600.0": 1}
    assert counts(inventory, [], "extra_structures") == {"some": 1, "none": 2}


def test_segmentations_of_other_algorithms_further_readings_and_unknown_patients_count_nowhere(inventory: Inventory) -> None:
    records: list[Record] = [
        a_series("p"),
        a_segmentation("p", {"liver": 1.0}, algorithm="other"),
        a_segmentation("p", {"liver": 1.0}, algorithm_version="1"),
        a_segmentation("p", {"liver": 1.0}, reading="second"),
        a_segmentation("stranger", {"liver": 1.0}),
        a_segmentation("p", {"liver": 1.0}, patient_key=None),
    ]

    assert counts(inventory, records, "structure_state", "liver") == {}


def test_the_last_stage_and_every_stage_before_it(inventory: Inventory) -> None:
    records: list[Record] = [
        *(a_series(patient) for patient in "pqrs"),
        a_segmentation("q", {"liver": 10.0}),
        a_segmentation("r", {"liver": 10.0}, review_state="corrected"),
        a_job("s", "succeeded", NOW),
    ]

    assert counts(inventory, records, "stage") == {"imaged": 1, "segmented": 1, "reviewed": 1, "analysed": 1}
    assert counts(inventory, [], "reached") == {"imaged": 4, "segmented": 3, "reviewed": 2, "analysed": 1}


def test_an_empty_segmentation_does_not_make_a_patient_segmented(inventory: Inventory) -> None:
    assert counts(inventory, [a_series("p"), a_segmentation("p", {"liver": 0.0})], "stage") == {"imaged": 1}


def test_the_latest_job_of_a_patient_counts_and_one_that_runs_too_long_is_stuck(inventory: Inventory) -> None:
    hours = dt.timedelta(hours=1)
    records: list[Record] = [
        *(a_series(patient) for patient in "pqr"),
        a_job("p", "failed", NOW - 30 * hours, failure_reason="out_of_memory"),
        a_job("p", "succeeded", NOW - 20 * hours),
        a_job("q", "running", NOW - 7 * hours),
        a_job("r", "failed", NOW - 2 * hours, failure_reason="none"),
        a_job("p", "failed", NOW, workflow="another"),
    ]

    assert counts(inventory, records, "job_outcome", "segment") == {"succeeded": 1, "stuck": 1, "failed": 1}
    assert counts(inventory, [], "job_failure_reason", "segment") == {"other": 1}
    assert counts(inventory, [], "job_duration", "segment") == {"120.0": 1}
    assert counts(inventory, [], "job_queue_wait", "segment") == {"60.0": 3}


def test_a_duration_that_runs_backwards_counts_nowhere(inventory: Inventory) -> None:
    records: list[Record] = [a_series("p"), a_job("p", "succeeded", NOW, finished_at=NOW - dt.timedelta(hours=1))]

    assert counts(inventory, records, "job_duration", "segment") == {}


def test_a_partition_gives_each_patient_one_cell_and_every_cell_is_in_the_catalogue(inventory: Inventory) -> None:
    for record in (
        a_series("p"),
        a_series("p", modality="MR"),
        a_segmentation("p", {"liver": 1.0}),
        a_job("p", "succeeded", NOW),
    ):
        inventory.put("archive", key(f"i{next(numbers)}"), [record])

    for table_key, contribution in collect(StudyRecords(inventory, STUDY, NOW)).items():
        table = TABLES[table_key.table]
        for cells in contribution.values():
            assert cells <= set(amounts(table) or STUDY.codes(table)), table.id
            assert table.kind in (Kind.MULTI, Kind.NESTED) or len(cells) == 1


def test_sources_of_another_study_do_not_count(inventory: Inventory) -> None:
    inventory.put("archive", key("x"), [a_series("p")])

    records = StudyRecords(inventory, STUDY, NOW, sources=frozenset({"elsewhere"}))

    assert records.patients == frozenset()


@pytest.mark.parametrize("zeros", [1, 2])
def test_a_patient_whose_key_ends_in_zero_bytes_counts_in_every_table(inventory: Inventory, zeros: int) -> None:
    """One key in 256 does; numpy cuts such bytes off."""
    patient = bytes(range(1, 17 - zeros)) + bytes(zeros)
    records = [
        replace(a_series("1"), patient_key=patient),
        replace(a_segmentation("1", {"liver": 900.0}), patient_key=patient),
        replace(a_job("1", "succeeded", NOW), patient_key=patient),
    ]
    tables = (("sex", ""), ("structure_state", "liver"), ("structure_volume", "liver"), ("job_outcome", STUDY.workflows[0].id))
    for table, per in tables:
        assert sum(counts(inventory, records, table, per).values()) == 1, table
