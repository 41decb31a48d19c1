"""What the tables must say of that hospital, from the files and answers themselves, by pydicom and nibabel alone."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
from scipy import ndimage

from hospital_of_every_source import images_of
from studyscope_contract.catalogue import TABLES
from studyscope_exporter.commands.count import Counts


def counted_independently(at: Path) -> Counts:
    """What the tables must say, from the files and answers themselves."""
    images = sorted(images_of(at / "dicom", at / "in-the-archive"), key=day_of)
    return (
        of_images(images, at)
        | of_segmentations(images, at)
        | of_runs(images, at)
        | of_decisions(at)
        | of_groups(images, at)
        | of_crossings(images, at)
    )


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


Volumes = dict[str, dict[str, float | None]]


def volumes_in_label_maps(at: Path) -> Volumes:
    volumes: Volumes = {"liver": {}, "spleen": {}}
    for path in (at / "nnunet").glob("*.nii.gz"):
        labels = np.asanyarray(nib.load(path).dataobj)
        for name, label in (("liver", 1), ("spleen", 2)):
            volumes[name][path.name.removesuffix(".nii.gz")] = float((labels == label).sum())  # voxels of 1 cm³
    return volumes


def volumes_in_objects(at: Path) -> Volumes:
    volumes: Volumes = {"liver": {}, "spleen": {}}
    for path in (at / "in-the-archive").glob("seg-*.dcm"):
        found = pydicom.dcmread(path)
        measures = found.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        voxel = float(measures.PixelSpacing[0]) * float(measures.PixelSpacing[1]) * float(measures.SpacingBetweenSlices)
        volumes["liver"][found.PatientID] = float(np.count_nonzero(found.pixel_array)) * voxel / 1000.0
        volumes["spleen"][found.PatientID] = None
    return volumes


def volumes_of(at: Path) -> Volumes:
    """Per structure and patient the volume in ml, None where the segmentation does not hold the structure."""
    maps, objects = volumes_in_label_maps(at), volumes_in_objects(at)
    # Patients 1 and 2 are in the folder under the same name and issuer: they are the same people.
    assert not maps["liver"].keys() & objects["liver"].keys()
    return {name: maps[name] | objects[name] for name in maps}


def reviews_of(at: Path) -> dict[str, str]:
    objects = [pydicom.dcmread(path) for path in (at / "in-the-archive").glob("seg-*.dcm")]
    said = {one.PatientID: one.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC" for one in objects}
    return {who: "automatic" if said.get(who) else "not_stated" for who in volumes_of(at)["liver"]}


def state_of(volume: float | None) -> str:
    return "missing" if volume is None else "present" if volume else "empty"


def of_segmentations(images: list[Any], at: Path) -> Counts:
    parts: dict[str, list[float]] = {"liver": [], "spleen": []}
    for path in (at / "nnunet").glob("*.nii.gz"):
        labels = np.asanyarray(nib.load(path).dataobj)
        for name, label in (("liver", 1), ("spleen", 2)):
            parts[name].append(float(ndimage.label(labels == label, np.ones((3, 3, 3)))[1]))
    volumes = volumes_of(at)
    patients, segmented = {image.PatientID for image in images}, set(volumes["liver"])
    counts: Counts = {
        "stage": {"imaged": len(patients - segmented), "segmented": len(segmented)},
        "reached": {"imaged": len(patients), "segmented": len(segmented)},
        "extra_structures": {"none": len(segmented)},
        "review_state": spread(reviews_of(at).values()),
    }
    for name, of_patients in volumes.items():
        known = of_patients.values()
        counts[f"structure_state:{name}"] = spread(map(state_of, known))
        counts[f"structure_volume:{name}"] = spread(bucket("structure_volume", volume) for volume in known if volume)
        counts[f"lesions:{name}"] = spread(bucket("lesions", number) for number in parts[name])
    return counts


def latest_runs(images: list[Any], at: Path) -> dict[str, dict[str, Any]]:
    patient_of = {image.SeriesInstanceUID: image.PatientID for image in images}
    answers = json.loads((at / "airflow" / "dagRuns.json").read_text())["dag_runs"]
    in_order = sorted(answers, key=lambda run: run["end_date"] or run["start_date"])
    return {patient_of[run["conf"]["series_uid"]]: run for run in in_order}


OUTCOMES = {"success": "succeeded", "failed": "failed", "running": "stuck"}


def of_runs(images: list[Any], at: Path) -> Counts:
    latest = latest_runs(images, at)
    tasks = json.loads((at / "airflow" / "tasks.json").read_text())
    failed = [tasks[run["dag_run_id"]][0]["task_id"] for run in latest.values() if run["state"] == "failed"]

    def seconds(table: str, begin: str, end: str, runs: Iterable[dict[str, Any]]) -> dict[str, int]:
        both = [[dt.datetime.fromisoformat(run[name]) for name in (begin, end)] for run in runs]
        return spread(bucket(table, (later - earlier).total_seconds()) for earlier, later in both)

    done = [run for run in latest.values() if run["state"] == "success"]
    return {
        "job_outcome:liver-seg": spread(OUTCOMES[run["state"]] for run in latest.values()),
        "job_failure_reason:liver-seg": spread("bad_input" if task == "convert" else "out_of_memory" for task in failed),
        "job_duration:liver-seg": seconds("job_duration", "start_date", "end_date", done),
        "job_queue_wait:liver-seg": seconds("job_queue_wait", "queued_at", "start_date", latest.values()),
    }


def of_crossings(images: list[Any], at: Path) -> Counts:
    """The two-way tables: what each patient is in one way, beside what they are in the other."""
    firsts = {image.PatientID: image for image in reversed(images)}
    sex = {who: image.PatientSex or "not_stated" for who, image in firsts.items()}
    age = {who: age_band(image) for who, image in firsts.items()}
    vendor = {who: VENDORS.get(image.Manufacturer, "other") for who, image in firsts.items()}
    volumes = volumes_of(at)
    stage = {who: "segmented" if who in volumes["liver"] else "imaged" for who in firsts}
    outcome = {who: OUTCOMES[run["state"]] for who, run in latest_runs(images, at).items()}
    group = groups_of(at, firsts)
    counts = {
        "stage_by_subgroup": together(stage, group),
        "job_outcome_by_subgroup:liver-seg": together(outcome, group),
        "stage_by_sex": together(stage, sex),
        "stage_by_age_band": together(stage, age),
        "job_outcome_by_sex:liver-seg": together(outcome, sex),
        "job_outcome_by_age_band:liver-seg": together(outcome, age),
        "job_outcome_by_vendor:liver-seg": together(outcome, vendor),
    }
    for name, of_patients in volumes.items():
        state = {who: state_of(volume) for who, volume in of_patients.items()}
        counts[f"structure_state_by_subgroup:{name}"] = together(state, group)
        counts[f"structure_state_by_sex:{name}"] = together(state, sex)
        counts[f"structure_state_by_age_band:{name}"] = together(state, age)
        counts[f"structure_state_by_vendor:{name}"] = together(state, vendor)
        counts[f"structure_state_by_review_state:{name}"] = together(state, reviews_of(at))
    cases = phases(at)
    right = {case["patient"]: rightness(case) for case in cases if case["truth"]}
    sure = {case["patient"]: band(1 - float(case["uncertainty"])) for case in cases if case["truth"]}
    return counts | {"correctness_by_confidence:phase": together(right, sure)}


def groups_of(at: Path, patients: Iterable[str]) -> dict[str, str]:
    with (at / "redcap.csv").open() as lines:
        said = {line["record_id"]: line["grade"] for line in csv.DictReader(lines)}
    codes = {"1": "a", "low": "a", "4": "b", "": "not_stated", "unknown": "other"}
    return {patient: codes[said.get(patient, "")] for patient in patients}


def phases(at: Path) -> list[dict[str, str]]:
    with (at / "phases.csv").open() as lines:
        return list(csv.DictReader(lines))


def rightness(case: dict[str, str]) -> str:
    return "right" if case["predicted"] == case["truth"] else "wrong"


def band(confidence: float) -> str:
    bands = {0.6: "0-0.6", 0.7: "0.6-0.7", 0.8: "0.7-0.8", 0.9: "0.8-0.9", 1.0: "0.9-1"}
    return next(name for edge, name in bands.items() if confidence <= edge)


def of_groups(images: list[Any], at: Path) -> Counts:
    return {"subgroup": spread(groups_of(at, {image.PatientID for image in images}).values())}


def of_decisions(at: Path) -> Counts:
    known = [case for case in phases(at) if case["truth"]]
    return {
        "classification_result:phase": spread("negative" if case["predicted"] == "native" else "positive" for case in phases(at)),
        "correctness:phase": spread(map(rightness, known)),
        "confidence:phase": spread(band(1 - float(case["uncertainty"])) for case in known),
    }


def together(one: dict[str, str], other: dict[str, str]) -> dict[str, int]:
    return spread(f"{one[who]} x {other[who]}" for who in one.keys() & other.keys())
