"""Logs of annotation tools: what is counted, and what is never told of the people who annotate."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from disclosure_cast import study
from studyscope_contract.metric import TableKey
from studyscope_exporter.annotation_effort import AnnotationEffort
from studyscope_exporter.collectors import StudyRecords, collect
from studyscope_exporter.collectors.local_measures import local_measures
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import ImagingSeries
from studyscope_exporter.sources.annotation import annotation_efforts
from studyscope_exporter.sources.kinds import SiteContext, kinds, open_source
from studyscope_exporter.sources.source import NoProgress, ScanResult

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
SITE = Pseudonyms(bytes(32))
COLUMNS = {"reader": "who", "round": "n", "interaction": "how", "draft_dice": "result.dice", "minutes": "min"}


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: NOW) as inventory:
        yield inventory


def scan(inventory: Inventory, path: Path, *lines: dict[str, Any], **settings: Any) -> ScanResult:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = kinds()["annotation"].Settings(name="tool", kind="annotation", path=path, columns=COLUMNS, **settings)
    return open_source(made, SiteContext(SITE, lambda: NOW)).scan(inventory, NoProgress())


def images_of(inventory: Inventory, *patients: str) -> None:
    for number, patient in enumerate(patients):
        series = ImagingSeries(
            number.to_bytes(16), bytes(16), SITE.patient(patient), "CT", "ge", "other", "chest", "F", 50, NOW.date(), 1.0, None, "no", "no", False
        )  # fmt: skip
        inventory.put("archive", number.to_bytes(16), [series])


def a_line(patient: str, who: str, **said: Any) -> dict[str, Any]:
    return {"case": patient, "PatientID": patient, "who": who} | said


def test_sessions_of_a_patient_add_up(tmp_path: Path, inventory: Inventory) -> None:
    done = scan(
        inventory,
        tmp_path / "log.jsonl",
        a_line("Ada", "R1", n=1, how="SAM click", min=4.5, result={"dice": 0.7}),
        a_line("Ada", "R2", n=2, how="corrected", min=2, result={"dice": 0.9}),
        a_line("Ben", "R1", how="laser", min="1,5", result={"dice": 7}),
        a_line("", "R1"),
        interactions={"sam click": "prompted"},
    )

    ada, ben = (annotation_efforts(inventory, ["tool"])[SITE.patient(name)] for name in ("Ada", "Ben"))
    assert (ada.rounds, ada.interactions, ada.draft_dice, ada.minutes) == (2, {"prompted", "corrected"}, 0.9, 6.5)
    assert (ben.rounds, ben.interactions, ben.draft_dice, ben.minutes) == (1, {"other"}, None, 1.5)
    assert (len(ada.readers), ada.readers > ben.readers) == (2, True)
    assert (done.seen, done.read, done.unlinked) == (4, 2, 1)
    assert done.to_mend == ["line 3: the Dice coefficient is no number from 0 to 1"]


def test_no_name_of_a_reader_is_kept(tmp_path: Path, inventory: Inventory) -> None:
    scan(inventory, tmp_path / "log.jsonl", a_line("Ada", "CANARY"))

    assert b"CANARY" not in inventory.note("tool")
    assert "CANARY" not in repr(annotation_efforts(inventory, ["tool"]))


@pytest.mark.parametrize(("readers", "counted"), [(4, 0), (5, 6)])
def test_nothing_of_fewer_than_five_readers_becomes_a_table(
    tmp_path: Path, inventory: Inventory, readers: int, counted: int
) -> None:
    patients = [f"P{number}" for number in range(6)]
    images_of(inventory, *patients)
    lines = [a_line(patient, f"R{number % readers}", how="drawn", min=3) for number, patient in enumerate(patients)]
    scan(inventory, tmp_path / "log.jsonl", *lines, a_line("elsewhere", "R9", how="drawn"))

    records = StudyRecords(inventory, study(), NOW, annotations=annotation_efforts(inventory, ["tool"]))
    tables = collect(records)

    assert len(tables[TableKey("annotation_rounds")]) == counted
    assert len(tables[TableKey("annotation_interaction")]) == counted
    names = [measure.name for measure in local_measures(records, records.patients)]
    assert ("minutes, median" in names) is (counted > 0)


def test_a_log_that_names_no_readers_stays_at_the_site(inventory: Inventory) -> None:
    patients = [f"P{number}" for number in range(6)]
    images_of(inventory, *patients)
    nobody = {SITE.patient(patient): AnnotationEffort(1, frozenset({"drawn"}), 0.5, None, frozenset()) for patient in patients}

    tables = collect(StudyRecords(inventory, study(), NOW, annotations=nobody))

    assert not tables[TableKey("draft_dice")]


def test_a_case_that_names_a_series_belongs_to_its_patient(tmp_path: Path, inventory: Inventory) -> None:
    series = ImagingSeries(
        SITE.series("1.2.3"), bytes(16), SITE.patient("Ada"), "CT", "ge", "other", "chest", "F", 50, NOW.date(), 1.0, None, "no", "no", False
    )  # fmt: skip
    inventory.put("archive", bytes(16), [series])
    link = {"by": "field", "field": "uid", "identifies": "SeriesInstanceUID"}
    scan(inventory, tmp_path / "log.jsonl", {"case": "a", "uid": "1.2.3"}, {"case": "b", "uid": "9"}, link=link)

    assert annotation_efforts(inventory, ["tool"]).keys() == {SITE.patient("Ada")}
