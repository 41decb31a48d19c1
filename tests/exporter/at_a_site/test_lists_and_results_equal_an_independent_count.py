"""One site file connects every list and every file of results: their tables equal a second count from the same files.

Together with `test_every_source_at_once` no table of the catalogue is left out.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from openpyxl import Workbook
from scipy.spatial.distance import cdist

from site_cast import write_patient
from studyscope_contract.catalogue import TABLES
from studyscope_contract.keys import SigningKey
from studyscope_contract.metric import Kind
from studyscope_exporter.commands.count import Counts, exact_counts
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
structures: [{code: liver, label: Liver}]
landmarks: [{code: nasion, label: Nasion}]
classifiers: [{id: triage, title: Triage, positive: [malignant]}]
variables: [{id: grade, title: Grade, codes: {low: ["1"], high: ["3"]}}]
"""
SITE = """\
site: berlin
state: state
keys: keys
sources:
  - {{name: archive, kind: folder, path: dicom}}
  - {{name: expected, kind: roster, path: lists.xlsx, sheet: Expected}}
  - {{name: lesion-table, kind: lesions, path: lesions.csv}}
  - {{name: redcap, kind: clinical, path: lists.xlsx, sheet: Clinical, variables: {{grade: grade}}}}
  - {{name: tool, kind: annotation, path: tool.jsonl, columns: {{reader: who, interaction: how, draft_dice: dice}}}}
  - name: second-readings
    kind: pairs
    path: results
    readings: readings
    tolerance_mm: 12
    link: {{by: pattern, pattern: "{{PatientID}}.nii.gz"}}
  - {{name: points, kind: landmarks, path: points.json, link: {{by: pattern, pattern: "{{PatientID}}"}}}}
  - {{name: cases, kind: classification, path: cases.csv, classifier: triage, columns: {{score: score, reference: truth}}, link: {{by: pattern, pattern: "{{PatientID}}"}}}}
studies:
  - study_file: study.yaml
    centre: {{url: "http://127.0.0.1:9"}}
    approvers: [{{name: DPO, key: "{key}"}}]
"""
PATIENTS = [f"CANARY-{number}" for number in range(9)]
READERS = 6
COUNTED_WITH_EVERY_SOURCE = [
    "population",
    "stage",
    "reached",
    "time_point_state",
    "follow_up_interval",
    "sex",
    "age_band",
    "acquisition_year",
    "vendor",
    "model_class",
    "modality",
    "body_part",
    "mr_sequence",
    "laterality",
    "identity_removed",
    "burned_in",
    "confidence",
    "correctness",
    "subgroup",
    "slice_thickness",
    "field_strength",
    "imaging_studies",
    "image_series",
    "attribute_completeness",
    "structure_state",
    "structure_volume",
    "lesions",
    "extra_structures",
    "review_state",
    "job_outcome",
    "job_failure_reason",
    "job_duration",
    "job_queue_wait",
]
"""What `test_every_source_at_once` counts a second time; it fails itself when one is missing there."""


class StandingClock:
    """Shows one moment."""

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)

    def sleep_until(self, moment: dt.datetime) -> None:
        raise AssertionError("a scan does not wait")

    def wake(self) -> None:
        pass


def block(length: int, at: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    labels = np.zeros((12, 6, 6), np.uint8)
    labels[at : at + length, 1:5, 1:5] = 1
    return labels


RESULT_AND_READING = [
    (block(4), block(4)),
    (block(0), block(4)),  # the result lacks the liver
    (block(4), block(0)),  # the reading does
    (block(8), block(4)),
    (block(3), block(6)),
    (block(4), block(4, 3)),
]


def write_lists(at: Path) -> None:
    book = Workbook()
    expected, clinical = book.worksheets[0], book.create_sheet("Clinical")
    expected.title = "Expected"
    expected.append(["PatientID"])
    clinical.append(["PatientID", "grade"])
    for number, patient in enumerate(PATIENTS[:7]):
        expected.append([patient if number % 3 else f"not-come-{number}"])
        clinical.append([patient, (1, 3, None, "unclear")[number % 4]])
    book.save(at / "lists.xlsx")
    rows = [(patient, "a", f"2026-0{month}-01") for month in (1, 2) for patient in PATIENTS[:2]]
    rows += [(PATIENTS[2], "a", "2026-01-01"), (PATIENTS[2], "b", "2026-02-01"), (PATIENTS[1], "c", "2026-02-01")]
    rows += [(PATIENTS[3], "a", "2026-01-01"), (PATIENTS[4], "", "2026-01-01"), (PATIENTS[4], "", "2026-02-01")]
    with (at / "lesions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("PatientID", "lesion", "date"), *rows])
    hows = ("accepted", "corrected", "drawn", "prompted")
    lines = [
        {
            "case": "x",
            "PatientID": patient,
            "who": f"R{(number + again) % READERS}",
            "how": hows[number % 4],
            "dice": 0.6 + number / 20,
        }
        for number, patient in enumerate(PATIENTS[:8])
        for again in range(1 + number % 3)
    ]
    (at / "tool.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_results(at: Path) -> None:
    for folder, which in (("results", 0), ("readings", 1)):
        (at / folder).mkdir()
        (at / folder / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "liver": 1}}))
        for patient, pair in zip(PATIENTS, RESULT_AND_READING, strict=False):
            nib.save(nib.Nifti1Image(pair[which], np.diag([10.0, 10.0, 10.0, 1.0])), at / folder / f"{patient}.nii.gz")
    points = {patient: {"nasion": (None, 0.4, 2.2, 7.0)[number % 4]} for number, patient in enumerate(PATIENTS)}
    (at / "points.json").write_text(json.dumps(points | {PATIENTS[8]: {}}))
    rows = [
        (patient, ("malignant", "benign")[number % 2], ("benign", "malignant", "malignant")[number % 3], number / 10)
        for number, patient in enumerate(PATIENTS)
    ]
    with (at / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("case", "predicted", "truth", "score"), *rows])


def write_world(at: Path) -> None:
    for number in range(len(PATIENTS)):
        write_patient(at / "dicom", number)
    write_lists(at)
    write_results(at)
    (at / "study.yaml").write_text(STUDY)
    (at / "site.yaml").write_text(SITE.format(key=SigningKey.generate().public.text))
    SiteIdentity.create(at / "keys")


def bucket(table: str, value: float) -> str:
    """The first edge of the table that the value does not pass."""
    return next(edge for edge in TABLES[table].dimensions[0].codes if value <= float(edge))


def spread(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def of_lists(at: Path) -> Counts:
    changes = Counter[str]()
    for patient in PATIENTS:
        days: dict[str, set[str]] = {}
        for line in lines_of(at / "lesions.csv"):
            if line["PatientID"] == patient:
                days.setdefault(line["date"], set()).update(filter(None, [line["lesion"]]))
        if len(days) > 1:
            before, now = (days[day] for day in sorted(days)[-2:])
            changes.update(
                [name for name, some in (("matched", before & now), ("new", now - before), ("gone", before - now)) if some]
            )
            changes["none"] += not before | now
    log = [json.loads(line) for line in (at / "tool.jsonl").read_text().splitlines()]
    annotated = {line["PatientID"]: line for line in log}
    sessions = Counter(line["PatientID"] for line in log)
    grades = {patient: (1, 3, None, "unclear")[number % 4] for number, patient in enumerate(PATIENTS[:7])}
    states = {1: "present", 3: "present", None: "missing", "unclear": "not_mapped"}
    return {
        "roster_state": spread("expected" if number % 3 and number < 7 else "unexpected" for number in range(len(PATIENTS))),
        "lesion_change": dict(sorted(changes.items())),
        "variable_completeness:grade": spread(states[grades.get(patient)] for patient in PATIENTS),
        "annotation_rounds": spread(bucket("annotation_rounds", number) for number in sessions.values()),
        "annotation_interaction": spread(line["how"] for line in annotated.values()),
        "draft_dice": spread(bucket("draft_dice", line["dice"]) for line in annotated.values()),
    }


def surface(mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Voxels with a face neighbour outside, as millimetres."""
    padded = np.pad(mask, 1)
    inside = [np.roll(padded, step, axis) for axis in range(3) for step in (1, -1)]
    found: np.ndarray[Any, Any] = np.argwhere(padded & ~np.logical_and.reduce(inside)) * 10.0
    return found


def of_pairs() -> Counts:
    dice, surfaces, hausdorff, volumes, noise = (list[str]() for _ in range(5))
    for one, other in ((result > 0, reading > 0) for result, reading in RESULT_AND_READING):
        dice.append(bucket("structure_dice", 2 * (one & other).sum() / (one.sum() + other.sum())))
        if not one.any() or not other.any():
            noise.append("extra_structure" if one.any() else "missing_structure")
            continue
        apart = cdist(surface(one), surface(other))
        there, back = apart.min(axis=1), apart.min(axis=0)
        near = ((there <= 12).sum() + (back <= 12).sum()) / (len(there) + len(back))
        far = max(np.percentile(there, 95), np.percentile(back, 95))
        surfaces.append(bucket("structure_surface_dice", near))
        hausdorff.append(bucket("structure_hausdorff", far))
        growth = one.sum() - other.sum()
        volumes.append(bucket("structure_volume_difference", abs(growth) / ((one.sum() + other.sum()) / 2)))
        if far <= 12:
            noise.append("none")
        else:
            noise.append("over_segmentation" if growth > 0 else "under_segmentation" if growth < 0 else "boundary_shift")
    return {
        "structure_dice:liver": spread(dice),
        "structure_surface_dice:liver": spread(surfaces),
        "structure_hausdorff:liver": spread(hausdorff),
        "structure_volume_difference:liver": spread(volumes),
        "label_noise": spread(noise),
    }


def of_cases(at: Path) -> Counts:
    points: dict[str, dict[str, float | None]] = json.loads((at / "points.json").read_text())
    errors = [found.get("nasion") for found in points.values()]
    cases = lines_of(at / "cases.csv")
    names = {
        (True, True): "true_positive",
        (False, True): "false_negative",
        (False, False): "true_negative",
        (True, False): "false_positive",
    }

    def scores(table: str, truth: str) -> dict[str, int]:
        return spread(bucket(table, float(case["score"])) for case in cases if case["truth"] == truth)

    return {
        "landmark_state:nasion": spread("missing" if error is None else "found" for error in errors),
        "landmark_error:nasion": spread(bucket("landmark_error", error) for error in errors if error is not None),
        "classification_result:triage": spread("positive" if case["predicted"] == "malignant" else "negative" for case in cases),
        "classification_outcome:triage": spread(
            names[case["predicted"] == "malignant", case["truth"] == "malignant"] for case in cases
        ),
        "score_of_positives:triage": scores("score_of_positives", "malignant"),
        "score_of_negatives:triage": scores("score_of_negatives", "benign"),
    }


@pytest.fixture
def counted(tmp_path: Path) -> tuple[Counts, Sequence[str]]:
    """The exact tables after one scan, and whatever a source has to say."""
    write_world(tmp_path)
    with Site(read_site_file(tmp_path / "site.yaml"), StandingClock()) as site:
        to_do = [found.message for source in site.sources for found in source.check() if not found.ok]
        to_do += [outcome.problem for outcome in site.scan() if outcome.problem]
        (study,) = site.studies
        contributions = site.contributions(study)
        assert contributions is not None
        return exact_counts(contributions), to_do


def test_every_table_of_lists_and_results_equals_an_independent_count(
    counted: tuple[Counts, Sequence[str]], tmp_path: Path
) -> None:
    counts, to_do = counted
    expected = of_lists(tmp_path) | of_pairs() | of_cases(tmp_path)

    assert to_do == []
    assert {table: counts[table] for table in expected} == expected
    assert all(expected.values())
    one_way = {name for name, table in TABLES.items() if table.kind is not Kind.TWO_WAY}
    assert {table.partition(":")[0] for table in expected} | set(COUNTED_WITH_EVERY_SOURCE) == one_way
