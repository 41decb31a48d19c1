"""What the made-up hospitals write is valid, holds what was planted, and is the same every time."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.errors import InvalidDicomError

from studyscope_demo.profiles import Hospital, read_profiles
from studyscope_demo.world.anatomy import VOXEL_ML, label_map, volumes
from studyscope_demo.world.hospital_days import HospitalDays
from studyscope_demo.world.label_maps import label_map_file
from studyscope_demo.world.template import uid

FIRST = dt.date(2026, 1, 5)
PROFILES = read_profiles()
DAYS = 12


def hospital(site: str, **changes: object) -> Hospital:
    found = next(one for one in PROFILES.hospitals if one.id == site)
    return found.model_copy(update={"backlog": 12, "per_day": 2.0, **changes})


def lived(folder: Path, one: Hospital, days: int = DAYS) -> HospitalDays:
    life = HospitalDays(one, PROFILES.devices(one), folder, FIRST, seed=7)
    for day in range(days):
        life.write_day(day)
    return life


def dicom_files(folder: Path) -> list[pydicom.FileDataset]:
    return [pydicom.dcmread(path, force=True) for path in sorted((folder / "dicom").rglob("*.dcm"))]


@pytest.mark.parametrize("site", ["berlin", "vienna", "prague", "hamburg"])
def test_pydicom_reads_every_file_with_its_patient_and_pixels(tmp_path: Path, site: str) -> None:
    life = lived(tmp_path, hospital(site))
    files = dicom_files(tmp_path)
    images = [file for file in files if file.Modality in ("CT", "MR")]
    assert len({file.PatientID for file in images}) == life.written.patients
    assert len({file.SOPInstanceUID for file in files}) == len(files)
    for image in images:
        assert len(image.PixelData) == 2 * image.Rows * image.Columns
        assert dt.date(2023, 1, 1) < dt.datetime.strptime(image.StudyDate, "%Y%m%d").date() < FIRST + dt.timedelta(days=DAYS)  # noqa: DTZ007


def test_everything_that_is_written_is_counted(tmp_path: Path) -> None:
    life = lived(tmp_path, hospital("munich"))
    found = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix not in (".jsonl", ".csv")]
    assert len(found) == life.written.files > 0


def test_the_old_archive_has_files_without_preamble(tmp_path: Path) -> None:
    lived(tmp_path, hospital("prague"))
    bare = [path for path in (tmp_path / "dicom").rglob("*.dcm") if path.read_bytes()[128:132] != b"DICM"]
    assert bare
    with pytest.raises(InvalidDicomError):
        pydicom.dcmread(bare[0])


def test_deflated_files_say_so_and_are_smaller_than_plain_ones(tmp_path: Path) -> None:
    lived(tmp_path, hospital("vienna"))
    deflated = [file for file in dicom_files(tmp_path) if file.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1.99"]
    assert deflated
    assert all(file.pixel_array.shape == (16, 16) for file in deflated)


def test_a_segmentation_holds_the_volumes_of_the_label_map_it_was_made_from(tmp_path: Path) -> None:
    lived(tmp_path, hospital("zurich"), days=25)
    made = [file for file in dicom_files(tmp_path) if file.Modality == "SEG"]
    assert made
    for file in made:
        frames = file.pixel_array.reshape(len(file.SegmentSequence), 8, 24, 24)
        by_name = {item.SegmentLabel: int(frame.sum()) for item, frame in zip(file.SegmentSequence, frames, strict=True)}
        assert frames.sum(axis=0).max() <= 1, "structures do not overlap"
        assert by_name["liver"] == 0 or 500 < by_name["liver"] * VOXEL_ML < 3600


def test_a_label_map_read_by_nibabel_has_the_planted_volumes(tmp_path: Path) -> None:
    planted = {"liver": 1400.0, "spleen": 200.0, "lesion": 7.0}
    path = tmp_path / "case.nii.gz"
    path.write_bytes(label_map_file(label_map(planted), tuple(planted)))
    image = nibabel.load(path)
    counts = np.bincount(np.asarray(image.dataobj).ravel())
    assert [counts[label] * np.prod(image.header.get_zooms()) / 1000 for label in (1, 2, 5)] == [1400.0, 200.0, 7.0]
    assert "spleen" in image.header.extensions[0].get_content().decode()


def test_volumes_of_a_label_map_are_those_it_was_drawn_with() -> None:
    planted = {"liver": 1500.0, "spleen": 210.0, "kidney_left": 160.0, "kidney_right": 150.0, "lesion": 1.0}
    assert volumes(label_map(planted)) == planted


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        lived(tmp_path / name, hospital("vienna"))
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) > 50
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


def test_jobs_never_end_in_the_future_and_a_retry_keeps_its_id(tmp_path: Path) -> None:
    lived(tmp_path, hospital("berlin", backlog=60), days=20)
    lines = [json.loads(line) for line in (tmp_path / "jobs.jsonl").read_text().splitlines()]
    last_evening = dt.datetime.combine(FIRST + dt.timedelta(days=19), dt.time(18), dt.UTC)
    ends = [dt.datetime.fromisoformat(line["finished_at"]) for line in lines if "finished_at" in line]
    assert ends
    assert max(ends) <= last_evening
    outcomes = Counter(line["state"] for line in lines)
    assert outcomes["succeeded"] > outcomes["failed"] > 0
    assert any(count > 2 for count in Counter(line["id"] for line in lines).values()), "somebody was tried again"


def _structures(folder: Path) -> list[set[str]]:
    made = [file for file in dicom_files(folder) if file.Modality == "SEG"]
    automatic = [file for file in made if file.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"]
    return [{item.SegmentLabel for item in file.SegmentSequence} for file in automatic]


def test_planted_noise_shows(tmp_path: Path) -> None:
    many = {"backlog": 120, "per_day": 0.0, "results": "seg"}
    shares = {}
    for noise in ("none", "structures_missing", "structures_added"):
        lived(tmp_path / noise, hospital("hamburg", noise=noise, **many), days=30)
        found = _structures(tmp_path / noise)
        shares[noise] = (
            sum("kidney_right" not in names for names in found) / len(found),
            sum("gallbladder" in names for names in found) / len(found),
        )
    assert shares["structures_missing"][0] > 0.2
    assert shares["structures_added"][1] > 0.2
    assert max(shares["none"]) < 0.05


def test_confused_labels_give_livers_as_small_as_spleens(tmp_path: Path) -> None:
    for noise in ("none", "labels_confused"):
        lived(tmp_path / noise, hospital("munich", noise=noise, backlog=120, per_day=0.0), days=30)
    small = {}
    for noise in ("none", "labels_confused"):
        maps = [np.asarray(nibabel.load(path).dataobj) for path in (tmp_path / noise / "labels/automatic").glob("*.nii.gz")]
        livers = [int((labels == 1).sum()) for labels in maps]
        small[noise] = sum(0 < volume < 600 for volume in livers) / len(livers)
    assert small["labels_confused"] > 0.1
    assert small["none"] < 0.03


def test_uids_are_valid_and_distinct() -> None:
    made = {uid("a", str(number)) for number in range(1000)}
    assert len(made) == 1000
    assert all(pydicom.uid.UID(one).is_valid and len(one) == 43 for one in made)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    lived(tmp_path, hospital("zurich"))
    paths = sorted((tmp_path / "dicom").rglob("*.dcm"))
    for path in (paths[0], next(path for path in paths if path.stem.endswith("a"))):
        answer = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert "Error" not in answer.stdout + answer.stderr


def test_a_hospital_keeps_the_tables_of_its_profile_and_no_others(tmp_path: Path) -> None:
    lived(tmp_path / "munich", hospital("munich"), days=40)
    tables = {path.name for path in (tmp_path / "munich").iterdir() if path.is_file()}
    assert tables == {"jobs.jsonl", "landmarks.csv", "decisions.csv", "clinical.csv", "expected.csv", "rounds.jsonl"}
    lived(tmp_path / "tuebingen", hospital("tuebingen"), days=2)
    assert [path.name for path in (tmp_path / "tuebingen").iterdir() if path.is_file()] == ["jobs.jsonl"]


def test_a_table_is_there_before_its_first_line(tmp_path: Path) -> None:
    HospitalDays(hospital("berlin"), PROFILES.devices(hospital("berlin")), tmp_path, FIRST, seed=7)
    assert (tmp_path / "annotation.jsonl").read_text() == (tmp_path / "rounds.jsonl").read_text() == ""
    assert (tmp_path / "clinical.csv").read_text() == "record_id,tumour_grade,ecog,cirrhosis\n"


def test_patients_come_again_after_about_three_months_each_in_a_study_of_its_own(tmp_path: Path) -> None:
    lived(tmp_path, hospital("zurich", seen_again=1.0, per_day=0.5), days=110)
    days: dict[str, dict[str, dt.date]] = {}
    for file in dicom_files(tmp_path):
        if file.Modality != "SEG":
            date = dt.datetime.strptime(file.StudyDate, "%Y%m%d").date()  # noqa: DTZ007
            days.setdefault(file.PatientID, {})[file.StudyInstanceUID] = date
    between = [(max(dates.values()) - min(dates.values())).days for dates in days.values() if len(dates) == 2]
    assert len(between) >= 12  # all of the backlog
    assert 80 < float(np.median(between)) < 100


def test_lesions_of_both_days_are_written_once_the_second_images_are_there(tmp_path: Path) -> None:
    lived(tmp_path, hospital("hamburg", seen_again=1.0, backlog=60, per_day=0.01), days=3)
    rows = [line.split(",") for line in (tmp_path / "lesions.csv").read_text().splitlines()[1:]]
    by_patient: dict[str, set[str]] = {}
    for patient, date, _, _ in rows:
        by_patient.setdefault(patient, set()).add(date)
    assert len(by_patient) > 40
    assert all(len(dates) == 2 for dates in by_patient.values())
    assert {bool(lesion) == bool(size) for _, _, lesion, size in rows} == {True}


def test_scores_tell_malignant_lesions_from_benign_ones_most_of_the_time(tmp_path: Path) -> None:
    lived(tmp_path, hospital("hamburg", backlog=300, per_day=0.01), days=40)
    rows = [line.split(",") for line in (tmp_path / "decisions.csv").read_text().splitlines()[1:]]
    judged = [(predicted, reference) for _, _, predicted, _, reference in rows if reference]
    assert len(judged) > 100
    assert 0.7 < sum(predicted == reference for predicted, reference in judged) / len(judged) < 0.97
