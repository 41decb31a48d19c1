"""`cases` and `why`, tried as the site's staff do: with the program, on real files, from a site file."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel as nib
import numpy as np
import pydicom
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from disclosure_cast import study as a_study
from site_cast import CANARY, write_patient
from studyscope_contract.keys import SigningKey
from studyscope_exporter.cli import main
from studyscope_exporter.collectors.cohort import StudyRecords
from studyscope_exporter.collectors.objections import objections
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.records import ImagingSeries

KEY = SigningKey.generate().public.text


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Three patients with a CT; 0 is segmented (liver empty), 1 has a failed job, 2 one that hangs; a roster of 0, 1 and 9."""
    for number in range(3):
        write_patient(tmp_path / "dicom", number)
    (tmp_path / "maps").mkdir()
    image = nib.Nifti1Image(np.full((4, 4, 4), 2, dtype=np.uint8), np.eye(4))
    nib.save(image, tmp_path / "maps" / "CANARY-0_liver.nii.gz")
    jobs = [
        {"id": "run-17", "workflow": "segment", "state": "failed", "reason": "CUDA out of memory", "patient": "CANARY-1"},
        {"id": "run-18", "workflow": "segment", "state": "running", "started_at": "2026-03-01T00:00:00Z", "patient": "CANARY-2"},
    ]
    (tmp_path / "jobs.jsonl").write_text("".join(json.dumps(job) + "\n" for job in jobs))
    (tmp_path / "roster.csv").write_text(
        "record_id;redcap_event_name;due\nCANARY-0;baseline;\nCANARY-1;baseline;2026-01-01\nCANARY-9;baseline;2026-01-01\n"
        "CANARY-8;baseline;2199-01-01\nCANARY-7;screening;\n"
    )
    workflow = {"id": "segment", "title": "Segment", "model": "net", "version": ""}
    study = a_study(
        cohort={"modalities": ["CT"]}, workflows=[workflow | {"version": "1"}], structures=[{"code": "liver", "label": "Liver"}]
    )
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study.model_dump(mode="json", by_alias=True)))
    sources = [
        {"name": "archive", "kind": "folder", "path": "dicom"},
        {
            "name": "results",
            "kind": "nifti",
            "path": "maps",
            "labels": {"background": 0, "liver": 1, "blob": 2},
            "link": {"by": "pattern", "pattern": "{PatientID}_liver.nii.gz"},
        },
        {"name": "log", "kind": "jobs", "path": "jobs.jsonl"},
        {
            "name": "list",
            "kind": "roster",
            "path": "roster.csv",
            "columns": {"patient": "record_id", "due": "due"},
            "where": {"redcap_event_name": ["baseline"]},
        },
    ]
    content = {
        "site": "berlin",
        "state": "state",
        "keys": "keys",
        "sources": sources,
        "studies": [
            {"study_file": "study.yaml", "centre": {"url": "https://c.example"}, "approvers": [{"name": "A", "key": KEY}]}
        ],
    }
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(content))
    assert run(tmp_path, "keygen") == 0
    assert run(tmp_path, "scan", "--quiet") == 0
    return tmp_path


def run(site: Path, *words: str) -> int:
    return main(["--config", str(site / "site.yaml"), *words])


@pytest.mark.parametrize(
    ("which", "patient", "what", "where"),
    [
        ("failed", "CANARY-1", "segment: failed, out_of_memory", "job run-17 of segment"),
        ("stuck", "CANARY-2", "segment: running for", "job run-18 of segment"),
        ("missing", "CANARY-9", "on the roster, no images of this study", ""),
        ("unexpected", "CANARY-2", "is not on the roster", ".dcm"),
        ("empty", "CANARY-0", "Liver is empty", "CANARY-0_liver.nii.gz"),
    ],
)
def test_cases_are_named_as_the_sites_own_systems_name_them(
    site: Path, capsys: pytest.CaptureFixture[str], which: str, patient: str, what: str, where: str
) -> None:
    assert run(site, "cases", which, "--json") == 0
    said = capsys.readouterr()
    (case,) = json.loads(said.out)["studies"]["liver-study"]
    assert case["patient"] == patient
    assert what in case["what"]
    assert where in case["where"]
    assert "do not pass this on" in said.err


def test_who_is_not_segmented_is_listed_with_the_day_of_the_image(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(site, "cases", "unsegmented") == 0
    out = capsys.readouterr().out
    assert "study liver-study: 2 unsegmented" in out
    assert "CANARY-1  imaged on 2026-03-01, not segmented" in out


def test_who_withdrew_is_in_no_list_and_nobody_waits_for_their_images(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for patient in ("CANARY-1", "CANARY-2", "CANARY-9"):
        assert run(site, "withdraw", patient, "--yes") == 0
    capsys.readouterr()
    for which in ("failed", "stuck", "missing", "unexpected"):
        assert run(site, "cases", which, "--json") == 0
        assert json.loads(capsys.readouterr().out)["studies"]["liver-study"] == []
    run(site, "why", "CANARY-1")

    assert "its patient has withdrawn, so it counts nowhere" in capsys.readouterr().out


def test_nothing_of_the_lists_is_kept_in_clear(site: Path) -> None:
    for which in ("missing", "unexpected", "failed"):
        assert run(site, "cases", which) == 0
    kept = [path for path in (site / "state").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"CANARY" in path.read_bytes() or CANARY.encode() in path.read_bytes()]


def test_expected_and_unexpected_patients_are_a_table_and_the_list_is_none(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(site, "count", "--table", "roster_state", "--json") == 0
    counted = json.loads(capsys.readouterr().out)["studies"]["liver-study"]
    assert counted["roster_state"] == {"expected": 2, "unexpected": 1}


def test_why_a_file_counts(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = next((site / "dicom").glob("*-0.dcm"))
    assert run(site, "why", str(file)) == 0
    assert "study liver-study: counted; its patient counts as sex F, vendor siemens" in capsys.readouterr().out


def test_why_a_file_does_not_count(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = next((site / "dicom").glob("*-0.dcm"))
    image = pydicom.dcmread(file)
    image.Modality, image.SeriesInstanceUID, image.SOPInstanceUID = "MR", "1.2.3", "1.2.3.4"
    other = site / "dicom" / "other.dcm"
    pydicom.dcmwrite(other, image)
    assert run(site, "why", str(other)) == 0
    out = capsys.readouterr().out
    assert "not in the inventory yet: run studyscope-exporter scan" in out
    assert "modality MR; the study takes CT" in out


def test_why_a_label_map_gives_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(site, "why", str(site / "maps" / "CANARY-0_liver.nii.gz")) == 0
    said = capsys.readouterr().out
    assert "'blob' is none of the study's structures or synonyms: counts as extra" in said
    assert "counted; it is its patient's latest segmentation" in said


def test_why_a_label_map_of_nobody_known_does_not_count(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stranger = site / "maps" / "STRANGER_liver.nii.gz"
    shutil.copy(site / "maps" / "CANARY-0_liver.nii.gz", stranger)
    run(site, "why", str(stranger))

    assert "not counted; its patient has no images of this study, or has withdrawn" in capsys.readouterr().out


def test_count_names_edges_as_people_do_and_what_is_empty_in_one_line(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(site, "count")
    said = capsys.readouterr().out

    assert "  structure_state:liver\n    empty                               1\n" in said
    assert "  nothing was found for: " in said
    run(site, "scan", "--quiet")
    run(site, "count", "--table", "imaging_studies")
    assert "    sum                                 3\n" in capsys.readouterr().out


def test_why_of_a_whole_log_or_list_says_that_its_lines_are_asked_for_one_by_one(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(site, "why", str(site / "jobs.jsonl"))
    said = capsys.readouterr().out

    assert "is the source log (jobs), read line by line" in said
    assert "lies in no source" not in said


def test_a_job_that_hangs_for_months_is_told_in_days(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(site, "cases", "stuck")

    assert " days; stuck after 24 h" in capsys.readouterr().out


def test_why_of_a_patient_a_number_and_of_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(site, "why", "CANARY-1") == 0
    assert "CANARY-1: a patient, 1 series in the inventory" in capsys.readouterr().out
    assert run(site, "why", "#1") == 0
    assert "in source archive" in capsys.readouterr().out
    assert run(site, "why", "NOBODY") == 1
    assert "nothing here is called 'NOBODY'" in capsys.readouterr().err


def test_why_of_a_file_that_is_broken_says_how(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = site / "dicom" / "broken.dcm"
    broken.write_bytes(next((site / "dicom").glob("*-0.dcm")).read_bytes()[:200])
    assert run(site, "why", str(broken)) == 0
    assert "cannot be read: " in capsys.readouterr().out


days = st.none() | st.dates(dt.date(2024, 1, 1), dt.date(2026, 12, 31))
STUDY = a_study(
    cohort={
        "modalities": ["CT", "SEG"],
        "body_parts": ["abdomen"],
        "acquired_from": "2025-01-01",
        "acquired_until": "2026-01-01",
    }
)


@given(st.sampled_from(["CT", "MR", "SEG", "SR"]), st.sampled_from(["abdomen", "chest", "other"]), days, st.booleans())
def test_there_is_a_reason_exactly_where_the_collectors_do_not_count(
    modality: str, body_part: str, day: dt.date | None, synthetic: bool
) -> None:
    series = ImagingSeries(
        bytes(16), bytes(16), bytes(16), modality, "other", "other", body_part, "F", 50, day, None, None, "yes", "no", synthetic
    )
    with TemporaryDirectory() as folder, Inventory.open(Path(folder) / "i.sqlite", key=bytes(32)) as inventory:
        inventory.put("archive", bytes(16), [series])
        counted = StudyRecords(inventory, STUDY, dt.datetime(2026, 6, 1, tzinfo=dt.UTC)).patients
    assert bool(counted) is (not list(objections(series, STUDY)))
