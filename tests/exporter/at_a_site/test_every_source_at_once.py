"""One site file connects a folder, an archive, an nnU-Net output folder and an Airflow: every table they can fill fills.

The numbers are counted a second time from the files and answers themselves, by pydicom and nibabel
alone, and must be equal.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest

from airflow_server import Airflow, a_run, airflow_at, write_runs
from archive_files import write_archive
from archive_server import PlainArchive, archive_at
from orthanc_server import PASSWORD, USER, in_a_network_of_its_own, orthanc, store
from site_cast import write_patient
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


def write_world(at: Path) -> None:
    """Files, label maps and runs, such that outcomes differ from patient to patient."""
    for number in range(PATIENTS_IN_FOLDER):
        write_patient(at / "dicom", number, "FM"[number % 2])
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
        end = None if state == "running" else "2026-05-01T10:11:00Z"
        runs.append(a_run(f"run-{number}", state=state, end_date=end, conf={"series_uid": image.SeriesInstanceUID}))
        tasks[f"run-{number}"] = [
            {"task_id": "convert" if number % 8 == 1 else "infer", "state": "failed", "note": "CUDA out of memory"}
        ]
    again = a_run("again", start_date="2026-05-02T10:00:00Z", end_date="2026-05-02T10:20:00Z", conf=runs[1]["conf"])
    write_runs(at / "airflow", *runs, again, tasks=tasks)


def counted_independently(at: Path) -> dict[str, dict[str, int]]:
    """What the tables must say, from the files and answers themselves."""
    images = images_of(at / "dicom", at / "in-the-archive")
    by_patient: dict[str, Any] = {}
    for image in sorted(images, key=lambda image: str(image.get("AcquisitionDate") or image.StudyDate)):
        by_patient.setdefault(image.PatientID, image)
    liver, spleen, segmented = Counter[str](), Counter[str](), set[str]()
    for path in (at / "nnunet").glob("*.nii.gz"):
        labels = np.asanyarray(nib.load(path).dataobj)
        liver["present" if (labels == 1).any() else "empty"] += 1
        spleen["present" if (labels == 2).any() else "empty"] += 1
        segmented.add(path.name.removesuffix(".nii.gz"))
    for path in (at / "in-the-archive").glob("seg-*.dcm"):
        patient = pydicom.dcmread(path, stop_before_pixels=True).PatientID
        # Patients 1 and 2 are in the folder under the same name and issuer: they are the same people.
        assert patient not in segmented
        segmented.add(patient)
        liver["present"] += 1
        spleen["missing"] += 1
    patient_of = {image.SeriesInstanceUID: image.PatientID for image in images}
    latest: dict[str, dict[str, Any]] = {}
    answers = json.loads((at / "airflow" / "dagRuns.json").read_text())["dag_runs"]
    for run in sorted(answers, key=lambda run: run["end_date"] or run["start_date"]):
        latest[patient_of[run["conf"]["series_uid"]]] = run
    words = {"success": "succeeded", "failed": "failed", "running": "stuck"}
    tasks = json.loads((at / "airflow" / "tasks.json").read_text())
    failed = [tasks[run["dag_run_id"]][0]["task_id"] for run in latest.values() if run["state"] == "failed"]
    return {
        "sex": dict(Counter(image.PatientSex or "not_stated" for image in by_patient.values())),
        "stage": {"imaged": len(by_patient.keys() - segmented), "segmented": len(segmented)},
        "structure_state:liver": dict(liver),
        "structure_state:spleen": dict(spleen),
        "job_outcome:liver-seg": dict(Counter(words[run["state"]] for run in latest.values())),
        "job_failure_reason:liver-seg": dict(Counter("bad_input" if task == "convert" else "out_of_memory" for task in failed)),
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
    for table, expected in counted_independently(at).items():
        assert (table, counts[table]) == (table, expected)
    empty = {table for table in fillable & counts.keys() if not counts[table] or not sum(counts[table].values())}
    assert empty == set()


def test_every_table_fills_and_equals_an_independent_count(tmp_path: Path) -> None:
    write_world(tmp_path)

    assert_everything_fills(tmp_path, *scanned(tmp_path, plain))


@pytest.mark.real
def test_every_table_fills_from_a_real_orthanc_too(tmp_path: Path) -> None:
    write_world(tmp_path)

    assert_everything_fills(tmp_path, *in_a_network_of_its_own(lambda: scanned(tmp_path, real)))
