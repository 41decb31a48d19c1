"""A hospital's folder before its exporter starts: keys, approvers, sources and policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studyscope_contract.catalogue import annotation
from studyscope_contract.keys import SigningKey
from studyscope_demo.folder import DemoFolder
from studyscope_demo.profiles import OF_READERS, Hospital, Table
from studyscope_demo.settings_file import write_yaml
from studyscope_demo.world.findings import CLASSIFIER, DECISION_TABLE, LANDMARK_TABLE, PHASE_CLASSIFIER, PHASE_TABLE
from studyscope_demo.world.registers import CLINICAL, LESIONS, ROSTER
from studyscope_demo.world.segments import ALGORITHM, VERSION
from studyscope_demo.world.work import ANNOTATION, ROUNDS_FILE
from studyscope_exporter.identity import SiteIdentity

APPROVERS = ("Data protection of the demo", "Study physician of the demo")
EXACT = ("stage", "reached")
"""Progress tables that one hospital reports exactly."""


def write_hospital(folder: DemoFolder, hospital: Hospital, centre_url: str) -> str:
    """The hospital's keys and site file; returns the public key that the centre is told.

    The hospital with the wrong key tells the centre another one than it signs with.
    """
    here = folder.hospital(hospital.id)
    here.mkdir(parents=True, exist_ok=True)
    if hospital.part == "never_reports":
        return SigningKey.generate().public.text
    identity = SiteIdentity.create(here / "keys")
    public = []
    for path in approver_keys(here):
        approver = SigningKey.generate()
        approver.save(path)
        public.append(approver.public.text)
    write_yaml(folder.site_file(hospital.id), _site_content(hospital, centre_url, public))
    if hospital.part == "wrong_key":
        return SigningKey.generate().public.text
    return identity.signing_key.public.text


def approver_keys(hospital_folder: Path) -> tuple[Path, ...]:
    """Of each approver, in the order of APPROVERS."""
    return tuple(hospital_folder / "keys" / f"approver-{number}.pem" for number in range(1, len(APPROVERS) + 1))


def _site_content(hospital: Hospital, centre_url: str, approvers: list[str]) -> dict[str, Any]:
    return {
        "site": hospital.id,
        "state": "state",
        "keys": "keys",
        "default_issuer": hospital.id.upper(),
        # A day lasts ten seconds at first, and the machine has other hospitals to serve.
        "scan_hours_before": 8,
        "sources": _sources(hospital),
        "studies": [
            {
                "study_file": "../../study.yaml",
                "centre": {"url": centre_url},
                "policy": _policy(hospital),
                "approvers": [{"name": name, "key": key} for name, key in zip(APPROVERS, approvers, strict=True)],
            }
        ],
    }


def _policy(hospital: Hospital) -> dict[str, Any]:
    policy: dict[str, Any] = {"preset": "tens-open" if hospital.exact_progress else "tens"}
    if hospital.two_way:
        policy["two_way"] = list(hospital.two_way)
    if hospital.exact_progress:
        basis = "Protocol of the demo, paragraph 7.2, approved by its ethics board"
        policy["disclosure"] = {"reported": list(EXACT), "legal_basis": basis}
    if set(OF_READERS) & set(hospital.tables):
        basis = "Works agreement of the demo on annotation, paragraph 4"
        policy["readers"] = {"tables": [table.id for table in annotation.TABLES], "legal_basis": basis}
    return policy


def _sources(hospital: Hospital) -> list[dict[str, Any]]:
    label_maps: dict[str, Any] = {
        "kind": "nifti",
        "layout": "files",
        "link": {"by": "pattern", "pattern": "{PatientID}_{*}.nii.gz"},
    }
    made = {"algorithm": ALGORITHM, "algorithm_version": VERSION}
    folders = {"automatic": "automatic", "corrected": "corrected"}
    results = label_maps | made | {"name": "labels", "path": "labels", "review_folders": folders, "lesions": ["lesion"]}
    compared = made | {
        "name": "second-readings",
        "kind": "pairs",
        "path": "labels/automatic",
        "readings": "readings",
        "link": label_maps["link"],
        "tolerance_mm": 15.0,  # a voxel and a half of the demo's coarse grid
    }
    return [
        {"name": "archive", "kind": "folder", "path": "dicom", "lesions": ["lesion"]},
        *([results] if hospital.results == "nifti" else []),
        label_maps | {"name": "readings", "path": "readings", "review_state": "manual", "reading": "second"},
        *([compared] if hospital.results == "nifti" else []),
        {"name": "inference", "kind": "jobs", "path": "jobs.jsonl", "link": {"by": "field", "field": "patient"}},
        *(_TABLES[table] for table in hospital.tables),
    ]


_TABLES: Mapping[Table, dict[str, Any]] = {
    "landmarks": {
        "name": "landmarks",
        "kind": "landmarks",
        "path": LANDMARK_TABLE.file,
        "link": {"by": "pattern", "pattern": "{PatientID}_{*}"},
    },
    "decisions": {
        "name": "malignancy",
        "kind": "classification",
        "path": DECISION_TABLE.file,
        "classifier": CLASSIFIER,
        "columns": {"score": "score", "reference": "pathology"},
        "link": {"by": "field", "field": "PatientID"},
    },
    "phases": {
        "name": "phases",
        "kind": "classification",
        "path": PHASE_TABLE.file,
        "classifier": PHASE_CLASSIFIER,
        "columns": {"confidence": "confidence", "reference": "radiologist"},
        "link": {"by": "field", "field": "PatientID"},
    },
    "clinical": {
        "name": "redcap",
        "kind": "clinical",
        "path": CLINICAL.file,
        "patient": "record_id",
        "variables": {"tumour-grade": "tumour_grade", "performance-status": "ecog", "cirrhosis": "cirrhosis"},
    },
    "roster": {"name": "expected", "kind": "roster", "path": ROSTER.file, "columns": {"due": "due"}},
    "lesions": {"name": "lesions", "kind": "lesions", "path": LESIONS.file, "columns": {"size": "diameter_mm"}},
    "annotation": {
        "name": "annotation",
        "kind": "annotation",
        "path": ANNOTATION.file,
        "columns": {name: name for name in ("reader", "round", "interaction", "draft_dice", "minutes")},
    },
    "learning": {"name": "federation", "kind": "learning", "path": ROUNDS_FILE, "states": {"participated": "taken_part"}},
}
