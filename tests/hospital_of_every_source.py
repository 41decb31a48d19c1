"""A hospital with a folder, an archive, an nnU-Net output folder and an Airflow, whose outcomes differ from patient to patient."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom

from airflow_server import a_run, write_runs
from archive_files import write_archive
from site_cast import write_patient

PATIENTS_IN_FOLDER = 9


def images_of(*folders: Path) -> list[Any]:
    read = [pydicom.dcmread(path, stop_before_pixels=True) for folder in folders for path in sorted(folder.rglob("*.dcm"))]
    return [image for image in read if image.PatientID and image.Modality not in ("SEG", "RTSTRUCT")]


def describe(path: Path, number: int) -> None:
    """Attributes that differ from patient to patient, and a second visit of every third one."""
    image = pydicom.dcmread(path)
    if number % 2:
        image.BodyPartExamined, image.Laterality = ("ABDOMEN", "R") if number % 4 == 1 else ("CHEST", "L")
    if number > 3:
        image.PatientIdentityRemoved, image.BurnedInAnnotation = ("YES", "NO") if number % 2 else ("NO", "YES")
    image.save_as(path)
    if number % 3 == 0:
        image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID = (f"1.2.{number}.{part}" for part in (1, 2, 3))
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.Modality, image.StudyDate, image.SeriesDescription = "MR", "20260415", ("t1 mprage", "FLAIR", "dwi")[number // 3]
        image.MagneticFieldStrength, image.SliceThickness = "3.0", "1.2"
        image.save_as(path.with_name(f"later-{number}.dcm"))


def write_world(at: Path) -> None:
    """Files, label maps and runs, such that outcomes differ from patient to patient."""
    for number in range(PATIENTS_IN_FOLDER):
        write_patient(at / "dicom", number, "FM"[number % 2])
    for number, path in enumerate(sorted((at / "dicom").glob("*.dcm"))):
        describe(path, number)
    write_archive(at / "in-the-archive")
    (at / "in-the-archive" / "nobody.dcm").unlink()
    (at / "nnunet").mkdir()
    (at / "nnunet" / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "liver": 1, "spleen": 2}}))
    for number in range(5):
        labels = np.zeros((6, 6, 6), np.uint8)
        labels[: number + 1, 0, 0] = 1
        labels[0, :number, 1] = 2  # the first one has no spleen
        nib.save(nib.Nifti1Image(labels, np.diag([10.0, 10.0, 10.0, 1.0])), at / "nnunet" / f"CANARY-{number + 3}.nii.gz")
    runs, tasks = [], {}
    for number, image in enumerate(images_of(at / "dicom", at / "in-the-archive")):
        state = ("success", "failed", "success", "running")[number % 4]
        day = f"2026-05-{number + 1:02}T10"
        end = None if state == "running" else f"{day}:{11 + number}:00Z"
        times = {"queued_at": f"{day}:00:00Z", "start_date": f"{day}:01:00Z", "end_date": end}
        runs.append(a_run(f"run-{number}", state=state, conf={"series_uid": image.SeriesInstanceUID}, **times))
        tasks[f"run-{number}"] = [
            {"task_id": "convert" if number % 8 == 1 else "infer", "state": "failed", "note": "CUDA out of memory"}
        ]
    again = a_run("again", start_date="2026-05-30T10:00:00Z", end_date="2026-05-30T10:40:00Z", conf=runs[1]["conf"])
    write_runs(at / "airflow", *runs, again, tasks=tasks)
    write_phases(at)
    grades = ("1", "low", "4", "", "unknown")
    patients = sorted({image.PatientID for image in images_of(at / "dicom", at / "in-the-archive")})
    lines = [f"{patient},{grades[number % 5]}" for number, patient in enumerate(patients[:-1])]
    (at / "redcap.csv").write_text("\n".join(["record_id,grade", *lines]) + "\n")


def write_phases(at: Path) -> None:
    """What a classifier of three contrast phases decided, how unsure it was, and what a person says; of some nobody says anything."""
    phases = ("native", "arterial", "portal")
    lines = ["case,patient,predicted,uncertainty,truth"]
    for number, patient in enumerate(sorted({image.PatientID for image in images_of(at / "dicom", at / "in-the-archive")})):
        truth = "" if number % 5 == 4 else phases[number % 3]
        lines.append(f"{number},{patient},{phases[(number + number // 6) % 3]},{number % 5 / 8},{truth}")
    (at / "phases.csv").write_text("\n".join(lines) + "\n")
