from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from disclosure_cast import study as a_study
from studyscope_contract.metric import TableKey
from studyscope_exporter.collectors import StudyRecords, collect
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.kinds import SiteContext, kinds, open_source
from studyscope_exporter.sources.roster import expected_patients, patients_on
from studyscope_exporter.sources.source import NoProgress, ScanResult, SourceUnavailable
from studyscope_exporter.sources.tracker import tracked_patients

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
SITE = Pseudonyms(bytes(32))


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: NOW) as inventory:
        yield inventory


def scan(inventory: Inventory, kind: str, **settings: Any) -> ScanResult:
    made = kinds()[kind].Settings(name=kind, kind=kind, **settings)
    return open_source(made, SiteContext(SITE, lambda: NOW)).scan(inventory, NoProgress())


def test_a_redcap_export_counts_a_patient_once_with_the_first_day(tmp_path: Path, inventory: Inventory) -> None:
    (tmp_path / "r.csv").write_bytes(
        "record_id,redcap_event_name,visit\nAda,baseline,2026-02-01\nAda,baseline,2026-01-01\nBen,screening,\n".encode("utf-16")
    )
    done = scan(
        inventory,
        "roster",
        path=tmp_path / "r.csv",
        encoding="utf-16",
        columns={"patient": "record_id", "due": "visit"},
        where={"redcap_event_name": ["baseline"]},
    )
    assert patients_on(inventory, "roster") == {SITE.patient("Ada"): dt.date(2026, 1, 1)}
    assert (done.seen, done.read) == (3, 1)


def test_a_line_that_is_wrong_is_named_by_its_number_and_stops_nothing(tmp_path: Path, inventory: Inventory) -> None:
    (tmp_path / "r.csv").write_text("PatientID,due\nAda,01.02.2026\n,2026-01-01\n")
    done = scan(inventory, "roster", path=tmp_path / "r.csv", columns={"due": "due"})
    assert done.to_mend == ["line 3: names no patient", "line 2: the day is not as %Y-%m-%d; taken as expected by now"]
    assert patients_on(inventory, "roster") == {SITE.patient("Ada"): None}


def test_a_list_that_is_gone_keeps_what_it_said(tmp_path: Path, inventory: Inventory) -> None:
    (tmp_path / "r.csv").write_text("PatientID\nAda\n")
    scan(inventory, "roster", path=tmp_path / "r.csv")
    (tmp_path / "r.csv").unlink()
    with pytest.raises(SourceUnavailable, match="is it there"):
        scan(inventory, "roster", path=tmp_path / "r.csv")
    assert expected_patients(inventory, ["roster"]) == {SITE.patient("Ada"): None}
    assert expected_patients(inventory, []) is None


def test_columns_that_there_are_are_named_to_a_person_and_in_no_log(tmp_path: Path, inventory: Inventory) -> None:
    """A list without a header names people in its first line."""
    (tmp_path / "r.csv").write_text("Ada Lovelace;1815-12-10\nBen;\n")
    with pytest.raises(SourceUnavailable, match="has no column 'PatientID' among the 2 that its first line names") as problem:
        scan(inventory, "roster", path=tmp_path / "r.csv")
    assert "Ada" not in str(problem.value)
    assert problem.value.in_full.endswith("there are: Ada Lovelace, 1815-12-10")


def images(tmp_path: Path, *rows: str, **settings: Any) -> dict[str, Any]:
    (tmp_path / "images").mkdir(exist_ok=True)
    (tmp_path / "images.csv").write_text("\n".join(["file,PatientID,Modality,sex,age,date", *rows]) + "\n")
    for name in ("a.png", "b.nii.gz"):
        (tmp_path / "images" / name).write_bytes(b"x")
    columns = {"sex": "sex", "age": "age", "date": "date"}
    return {"path": tmp_path / "images", "table": tmp_path / "images.csv", "columns": columns} | settings


def test_images_with_a_table_count_like_dicom(tmp_path: Path, inventory: Inventory) -> None:
    given = images(tmp_path, "a.png,Ada,OP,female,61,2026-02-01", "b.nii.gz,Ben,MR,M,40y,", "c.png,Cai,OP,,,")
    done = scan(inventory, "images", **given)
    assert done.to_mend == ["line 4: the image is not in the folder; mend the path or take out the line"]
    frame = inventory.series_frame()
    assert sorted(zip(frame["modality"], frame["sex"], frame["age_years"], strict=True)) == [("MR", "M", 40), ("OP", "F", 61)]
    assert frame["acquired_on"].tolist().count(dt.date(2026, 2, 1)) == 1


def test_a_path_that_leads_out_of_the_folder_is_no_image(tmp_path: Path, inventory: Inventory) -> None:
    (tmp_path / "secret.png").write_bytes(b"x")
    done = scan(inventory, "images", **images(tmp_path, "../secret.png,Ada,OP,,,", "a.png,Ben,OP,,,"))
    assert done.unreadable == {"the image is not in the folder": 1}
    assert len(inventory.series_frame()) == 1


def test_a_share_that_is_not_mounted_drops_nobody(tmp_path: Path, inventory: Inventory) -> None:
    given = images(tmp_path, "a.png,Ada,OP,,,")
    scan(inventory, "images", **given)
    for file in (tmp_path / "images").iterdir():
        file.unlink()
    with pytest.raises(SourceUnavailable, match="Is the share mounted"):
        scan(inventory, "images", **given)
    assert len(inventory.series_frame()) == 1


def test_the_sites_own_table_proves_a_stage_for_patients_with_images_only(tmp_path: Path, inventory: Inventory) -> None:
    scan(inventory, "images", **images(tmp_path, "a.png,Ada,CT,,,", "b.nii.gz,Ben,CT,,,"))
    (tmp_path / "t.csv").write_text("PatientID,Sent,Seg\nAda,2026-01-02,x\nBen,no,\nCai,yes,yes\n")
    scan(inventory, "tracker", path=tmp_path / "t.csv", stages={"transferred": "Sent", "segmented": "Seg"})
    study = a_study(stages=["imaged", "transferred", "segmented"])
    records = StudyRecords(inventory, study, NOW, tracked=tracked_patients(inventory, ["tracker"]))
    stage = collect(records)[TableKey("stage")]
    assert stage == {SITE.patient("Ada"): frozenset({("segmented",)}), SITE.patient("Ben"): frozenset({("imaged",)})}


def test_a_stage_that_a_table_cannot_prove_is_refused() -> None:
    with pytest.raises(ValueError, match="imaged needs images"):
        kinds()["tracker"].Settings(name="t", kind="tracker", path="t.csv", stages={"imaged": "x"})
