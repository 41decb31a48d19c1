"""One site file connects a folder, an archive, an nnU-Net output folder and an Airflow: every table they can fill fills.

The numbers are counted a second time from the files and answers themselves, by pydicom and nibabel
alone, and must be equal.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy import ndimage

from airflow_server import Airflow, a_run, airflow_at, write_runs
from archive_files import write_archive
from archive_server import PlainArchive, archive_at
from orthanc_server import PASSWORD, USER, in_a_network_of_its_own, orthanc, store
from site_cast import write_patient
from studyscope_contract.catalogue import TABLES
from studyscope_contract.keys import SigningKey
from studyscope_exporter.commands.count import Counts, exact_counts
from studyscope_exporter.facts import KINDS_THAT_FILL
from studyscope_exporter.identity import SiteIdentity
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

STUDY = """\
schema: 1
id: liver
title: Liver
version: 1
leads: [{name: Dr. Lead, mail: lead@study.example}]
sites: [{id: berlin, name: Berlin, city: Berlin, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}]
stages: [imaged, segmented]
structures: [{code: liver, label: Liver}, {code: spleen, label: Spleen}]
time_points:
  - {id: baseline, title: Baseline, day: 0}
  - {id: week-6, title: Week 6, day: 45, window: 14}
attributes: [Laterality, Manufacturer]
workflows: [{id: liver-seg, title: Segment, model: net, version: "2"}]
"""
SITE = """\
site: berlin
state: state
keys: keys
sources:
  - {{name: archive, kind: folder, path: dicom}}
  - name: pacs
    kind: dicomweb
    url: {pacs}
    login: {{by: basic, user: {user}, password: {{file: pacs.secret}}}}
  - name: results
    kind: nifti
    path: nnunet
    lesions: [liver, spleen]
    link: {{by: pattern, pattern: "{{PatientID}}.nii.gz"}}
  - name: workflows
    kind: airflow
    url: {airflow}
    dags: {{seg: {{workflow: liver-seg, model: net, version: "2"}}}}
    link: {{by: field, field: conf.series_uid, identifies: SeriesInstanceUID}}
    reasons: [{{task: convert, reason: bad_input}}]
studies:
  - study_file: study.yaml
    centre: {{url: "http://127.0.0.1:9"}}
    approvers: [{{name: DPO, key: "{key}"}}]
"""
PATIENTS_IN_FOLDER = 9


class StandingClock:
    """Shows one moment."""

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)

    def sleep_until(self, moment: dt.datetime) -> None:
        raise AssertionError("a scan does not wait")

    def wake(self) -> None:
        pass


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


def counted_independently(at: Path) -> Counts:
    """What the tables must say, from the files and answers themselves."""
    images = sorted(images_of(at / "dicom", at / "in-the-archive"), key=day_of)
    return of_images(images, at) | of_segmentations(images, at) | of_runs(images, at)


def day_of(image: Any) -> dt.date:
    text = str(image.get("AcquisitionDate") or image.get("SeriesDate") or image.StudyDate)
    return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))


def bucket(table: str, value: float) -> str:
    """The first edge of the table that the value does not pass."""
    return next(edge for edge in TABLES[table].dimensions[0].codes if value <= float(edge))


def spread(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def several(pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Of (patient, code): patients per code, each once."""
    return spread(code for _, code in set(pairs))


def age_band(image: Any) -> str:
    if image.get("PatientAge"):
        age = int(image.PatientAge[:3])
    elif image.get("PatientBirthDate"):
        age = day_of(image).year - int(image.PatientBirthDate[:4])  # everybody here was born on a first of January
    else:
        return "not_stated"
    return "0-17" if age < 18 else "18-39" if age < 40 else "40-59" if age < 60 else "60-79" if age < 80 else "80+"


def year(image: Any) -> str:
    found = day_of(image).year
    return "before-2010" if found < 2010 else str(found)


VENDORS = {"SIEMENS": "siemens", "GE MEDICAL SYSTEMS": "ge", "TOSHIBA_MEC": "canon"}
MODELS = {"RHAPSODE": "ge_ct_classic", "MRT50H1": "canon_mr"}
SEQUENCES = {"t1 mprage": "t1", "FLAIR": "flair", "dwi": "dwi"}
SIDES = {"R": "right", "L": "left"}


def of_images(images: list[Any], at: Path) -> Counts:
    by_patient: dict[str, list[Any]] = {}
    for image in images:
        by_patient.setdefault(image.PatientID, []).append(image)
    firsts = [of_one[0] for of_one in by_patient.values()]
    made = {(pydicom.dcmread(path).PatientID, "SEG") for path in (at / "in-the-archive").glob("seg-*.dcm")}
    said = {name: {who: {str(image.get(name, "")) for image in of_one} for who, of_one in by_patient.items()} for name in FLAGS}
    thick = [next((one for one in of_one if one.get("SliceThickness")), None) for of_one in by_patient.values()]
    strong = [next((one for one in of_one if one.get("MagneticFieldStrength")), None) for of_one in by_patient.values()]
    days = [sorted({day_of(image) for image in of_one}) for of_one in by_patient.values()]
    week_6 = [[day for day in of_one if 31 <= (day - of_one[0]).days <= 59] for of_one in days]
    return {
        "population": {"patients": len(by_patient)},
        "sex": spread(image.PatientSex or "not_stated" for image in firsts),
        "age_band": spread(map(age_band, firsts)),
        "acquisition_year": spread(map(year, firsts)),
        "vendor": spread(VENDORS.get(image.Manufacturer, "other") for image in firsts),
        "model_class": spread(
            MODELS[image.ManufacturerModelName] if "ManufacturerModelName" in image else "not_stated" for image in firsts
        ),
        "modality": several(made | {(image.PatientID, image.Modality) for image in images}),
        "body_part": several((image.PatientID, image.get("BodyPartExamined", "not_stated").lower()) for image in images),
        "laterality": several((image.PatientID, SIDES.get(image.get("Laterality"), "not_stated")) for image in images),
        "mr_sequence": several(
            (image.PatientID, SEQUENCES.get(image.get("SeriesDescription"), "not_stated"))
            for image in images
            if image.Modality == "MR"
        ),
        "identity_removed": spread(
            "no" if "NO" in texts else "yes" if texts == {"YES"} else "not_stated" for texts in said[FLAGS[0]].values()
        ),
        "burned_in": spread(
            "yes" if "YES" in texts else "no" if texts == {"NO"} else "not_stated" for texts in said[FLAGS[1]].values()
        ),
        "slice_thickness": spread(bucket("slice_thickness", float(one.SliceThickness)) for one in thick if one),
        "field_strength": spread(bucket("field_strength", float(one.MagneticFieldStrength)) for one in strong if one),
        "imaging_studies": {"sum": len({image.StudyInstanceUID for image in images})},
        "image_series": {"sum": len({image.SeriesInstanceUID for image in images})},
        "follow_up_interval": spread(
            bucket("follow_up_interval", (seen[0] - of_one[0]).days) for seen, of_one in zip(week_6, days, strict=True) if seen
        ),
        "attribute_completeness:laterality": spread(
            "present" if all(image.get("Laterality") for image in of_one) else "missing" for of_one in by_patient.values()
        ),
        "attribute_completeness:manufacturer": spread(
            "present" if all(image.Manufacturer in VENDORS for image in of_one) else "not_mapped"
            for of_one in by_patient.values()
        ),
        "time_point_state:baseline": {"seen": len(by_patient)},
        "time_point_state:week-6": spread("seen" if seen else "missing" for seen in week_6),
    }


FLAGS = ("PatientIdentityRemoved", "BurnedInAnnotation")


def of_segmentations(images: list[Any], at: Path) -> Counts:
    """Per patient and structure the volume in ml (None where the segmentation does not hold it), and lesions where counted."""
    volumes: dict[str, dict[str, float | None]] = {"liver": {}, "spleen": {}}
    parts: dict[str, list[float]] = {"liver": [], "spleen": []}
    for path in (at / "nnunet").glob("*.nii.gz"):
        labels = np.asanyarray(nib.load(path).dataobj)
        for name, label in (("liver", 1), ("spleen", 2)):
            volumes[name][path.name.removesuffix(".nii.gz")] = float((labels == label).sum())  # voxels of 1 cm³
            parts[name].append(float(ndimage.label(labels == label, np.ones((3, 3, 3)))[1]))
    automatic = 0
    for path in (at / "in-the-archive").glob("seg-*.dcm"):
        found = pydicom.dcmread(path)
        # Patients 1 and 2 are in the folder under the same name and issuer: they are the same people.
        assert found.PatientID not in volumes["liver"]
        measures = found.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        voxel = float(measures.PixelSpacing[0]) * float(measures.PixelSpacing[1]) * float(measures.SpacingBetweenSlices)
        volumes["liver"][found.PatientID] = float(np.count_nonzero(found.pixel_array)) * voxel / 1000.0
        volumes["spleen"][found.PatientID] = None
        automatic += found.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    patients, segmented = {image.PatientID for image in images}, set(volumes["liver"])
    counts: Counts = {
        "stage": {"imaged": len(patients - segmented), "segmented": len(segmented)},
        "reached": {"imaged": len(patients), "segmented": len(segmented)},
        "extra_structures": {"none": len(segmented)},
        "review_state": {"automatic": automatic, "not_stated": len(segmented) - automatic},
    }
    for name, of_patients in volumes.items():
        known = of_patients.values()
        counts[f"structure_state:{name}"] = spread("missing" if v is None else "present" if v else "empty" for v in known)
        counts[f"structure_volume:{name}"] = spread(bucket("structure_volume", volume) for volume in known if volume)
        counts[f"lesions:{name}"] = spread(bucket("lesions", number) for number in parts[name])
    return counts


def of_runs(images: list[Any], at: Path) -> Counts:
    patient_of = {image.SeriesInstanceUID: image.PatientID for image in images}
    latest: dict[str, dict[str, Any]] = {}
    answers = json.loads((at / "airflow" / "dagRuns.json").read_text())["dag_runs"]
    for run in sorted(answers, key=lambda run: run["end_date"] or run["start_date"]):
        latest[patient_of[run["conf"]["series_uid"]]] = run
    words = {"success": "succeeded", "failed": "failed", "running": "stuck"}
    tasks = json.loads((at / "airflow" / "tasks.json").read_text())
    failed = [tasks[run["dag_run_id"]][0]["task_id"] for run in latest.values() if run["state"] == "failed"]

    def seconds(table: str, begin: str, end: str, runs: Iterable[dict[str, Any]]) -> dict[str, int]:
        both = [[dt.datetime.fromisoformat(run[name]) for name in (begin, end)] for run in runs]
        return spread(bucket(table, (later - earlier).total_seconds()) for earlier, later in both)

    done = [run for run in latest.values() if run["state"] == "success"]
    return {
        "job_outcome:liver-seg": spread(words[run["state"]] for run in latest.values()),
        "job_failure_reason:liver-seg": spread("bad_input" if task == "convert" else "out_of_memory" for task in failed),
        "job_duration:liver-seg": seconds("job_duration", "start_date", "end_date", done),
        "job_queue_wait:liver-seg": seconds("job_queue_wait", "queued_at", "start_date", latest.values()),
    }


@contextmanager
def plain(at: Path) -> Iterator[str]:
    with archive_at(PlainArchive(at / "in-the-archive")) as server:
        yield server.url


@contextmanager
def real(at: Path) -> Iterator[str]:
    with orthanc(at / "orthanc") as url:
        store(sorted((at / "in-the-archive").glob("*.dcm")))
        yield url


def scanned(at: Path, archive: Callable[[Path], Any]) -> tuple[Counts, set[str], list[str]]:
    """The exact tables after one scan, the tables that the sources can fill, and every finding that is to do."""
    with archive(at) as pacs, airflow_at(Airflow(at / "airflow")) as airflow:
        (at / "pacs.secret").write_text(PASSWORD)
        (at / "pacs.secret").chmod(0o600)
        (at / "study.yaml").write_text(STUDY)
        (at / "site.yaml").write_text(
            SITE.format(pacs=pacs, airflow=airflow.url, user=USER, key=SigningKey.generate().public.text)
        )
        SiteIdentity.create(at / "keys")
        with Site(read_site_file(at / "site.yaml"), StandingClock()) as site:
            to_do = [found.message for source in site.sources for found in source.check() if not found.ok]
            outcomes = site.scan()
            (study,) = site.studies
            contributions = site.contributions(study)
            assert contributions is not None
            kinds = {source.kind for source in site.settings.sources}
            fillable = {str(key) for key, _ in study.study.tables() if KINDS_THAT_FILL.get(key.table, frozenset()) & kinds}
            return exact_counts(contributions), fillable, to_do + [outcome.problem for outcome in outcomes if outcome.problem]


def assert_everything_fills(at: Path, counts: Counts, fillable: set[str], to_do: list[str]) -> None:
    assert to_do == []
    expected = counted_independently(at)
    assert {table: counts[table] for table in expected} == expected
    assert expected.keys() == fillable  # a new table that these sources fill is counted here too
    assert all(sum(cells.values()) for cells in expected.values())


def test_every_table_fills_and_equals_an_independent_count(tmp_path: Path) -> None:
    write_world(tmp_path)

    assert_everything_fills(tmp_path, *scanned(tmp_path, plain))


@pytest.mark.real
def test_every_table_fills_from_a_real_orthanc_too(tmp_path: Path) -> None:
    write_world(tmp_path)

    assert_everything_fills(tmp_path, *in_a_network_of_its_own(lambda: scanned(tmp_path, real)))
