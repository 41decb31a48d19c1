"""The demo's study: its study file, the centre's registry, and each hospital's folder with keys and settings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from studyscope_aggregator.milestones import Passed, set_passed
from studyscope_contract.keys import SigningKey
from studyscope_contract.study import Milestone
from studyscope_demo.folder import DemoFolder
from studyscope_demo.profiles import Hospital
from studyscope_demo.world.anatomy import STRUCTURES
from studyscope_demo.world.jobs import WORKFLOWS
from studyscope_demo.world.segments import ALGORITHM, VERSION
from studyscope_exporter.identity import SiteIdentity

STUDY_ID = "abdomen-ct-mr"
COORDINATOR = "coordinator@centre.example"
_LABELS = {
    "liver": "Liver",
    "spleen": "Spleen",
    "kidney_left": "Left kidney",
    "kidney_right": "Right kidney",
    "lesion": "Liver lesion",
}


@dataclass(frozen=True)
class Span:
    """The days of the demo: `first` is the study's first day, `today` the real one."""

    first: dt.date
    today: dt.date


def code(structure: str) -> str:
    """How the study spells a structure."""
    return structure.replace("_", "-")


def study_content(hospitals: Sequence[Hospital], span: Span) -> dict[str, Any]:
    """The study file, as YAML will hold it."""
    return {
        "schema": 1,
        "id": STUDY_ID,
        "title": "Abdominal CT and MR in routine care (demo, nobody in it is real)",
        "version": 1,
        "leads": [{"name": "Dr. Ada Beispiel", "mail": "lead@study.example"}],
        "cohort": {"modalities": ["CT", "MR"]},
        "stages": ["imaged", "segmented", "reviewed"],
        "structures": [_structure(structure.name) for structure in STRUCTURES],
        "algorithm": {"name": ALGORITHM, "version": VERSION},
        "time_points": [
            {"id": "baseline", "title": "First scan", "day": 0},
            {"id": "month-3", "title": "Follow-up", "day": 90, "window": 21},
        ],
        "attributes": ["PatientAge", "Laterality", "SliceThickness", "MagneticFieldStrength"],
        "workflows": [{"id": w.id, "title": w.title, "model": w.model, "version": w.version} for w in WORKFLOWS],
        "alerts": {"late_after": 2, "silent_after": 4, "never_reported_after": 14, "drop_from_current_after": 7},
        "sites": [_study_site(hospital, span) for hospital in hospitals],
    }


def _structure(name: str) -> dict[str, Any]:
    synonyms = {"synonyms": [name]} if code(name) != name else {}
    return {"code": code(name), "label": _LABELS[name]} | synonyms


def _study_site(hospital: Hospital, span: Span) -> dict[str, Any]:
    halfway = span.first + dt.timedelta(days=90)
    targets = [
        {"patients": max(1, hospital.target // 2), "by": halfway, "valid_from": span.first},
        {"patients": hospital.target, "by": span.first + dt.timedelta(days=210), "valid_from": halfway},
    ]
    place = {key: getattr(hospital, key) for key in ("id", "name", "city", "latitude", "longitude")}
    steps = ("contract", "ethics", "network", "installed", "data_ready")
    milestones = {step: span.first + dt.timedelta(days=30 * (number + 1)) for number, step in enumerate(steps)}
    return place | {"member_from": span.first, "targets": targets, "milestones": milestones}


_PASSED: Mapping[str, Mapping[Milestone, int]] = {
    "never_reports": {"contract": 20, "ethics": 75},
    "wrong_key": {"contract": 25, "ethics": 40, "network": 60, "installed": 70},
}
"""Days after the study began on which hospitals that show nothing told of a passed step."""


def write_centre(folder: DemoFolder, hospitals: Sequence[Hospital], span: Span, keys: dict[str, str]) -> None:
    """The study file and the registry of sites; `keys` are public keys by site."""
    content = study_content(hospitals, span)
    _write_yaml(folder.study, content)
    (folder.registry / "studies").mkdir(parents=True, exist_ok=True)
    _write_yaml(folder.registry / "studies" / f"{STUDY_ID}.yaml", content)
    _write_yaml(
        folder.registry / "sites.yaml", {"sites": [_registered(hospital, span, keys[hospital.id]) for hospital in hospitals]}
    )
    for hospital in hospitals:
        for milestone, after_days in _PASSED.get(hospital.part, {}).items():
            on = span.first + dt.timedelta(days=after_days)
            set_passed(folder.registry, Passed(study=STUDY_ID, site=hospital.id, milestone=milestone, on=on))


def _registered(hospital: Hospital, span: Span, key: str) -> dict[str, Any]:
    return {
        "id": hospital.id,
        "registered": span.first,
        "keys": [{"key": key, "valid_from": span.first, "valid_until": span.today + dt.timedelta(days=730)}],
        "contacts": [
            {"role": "site_it", "name": f"IT of {hospital.name}", "mail": site_mail(hospital.id)},
            {"role": "data_protection", "name": "Data protection", "mail": f"privacy@{hospital.id}.example"},
        ],
    }


def site_mail(site: str) -> str:
    return f"it@{site}.example"


def write_hospital(folder: DemoFolder, hospital: Hospital, centre_url: str) -> str:
    """The hospital's keys and site file; returns the public key that the centre is told.

    The hospital with the wrong key tells the centre another one than it signs with.
    """
    here = folder.hospital(hospital.id)
    here.mkdir(parents=True, exist_ok=True)
    if hospital.part == "never_reports":
        return SigningKey.generate().public.text
    identity = SiteIdentity.create(here / "keys")
    approver = SigningKey.generate()
    approver.save(approver_key(here))
    _write_yaml(folder.site_file(hospital.id), _site_content(hospital, centre_url, approver.public.text))
    if hospital.part == "wrong_key":
        return SigningKey.generate().public.text
    return identity.signing_key.public.text


def approver_key(hospital_folder: Path) -> Path:
    return hospital_folder / "keys" / "approver.pem"


def _site_content(hospital: Hospital, centre_url: str, approver: str) -> dict[str, Any]:
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
                "policy": {"preset": "tens"},
                "approvers": [{"name": "Data protection of the demo", "key": approver}],
            }
        ],
    }


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
    ]


class _Repeating(yaml.SafeDumper):
    """Writes a value that occurs twice twice: the files' reader takes no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    text = yaml.dump(content, Dumper=_Repeating, sort_keys=False, allow_unicode=True, width=120)
    path.write_text(text, encoding="utf-8")
