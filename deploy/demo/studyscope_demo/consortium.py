"""The demo's study as the centre has it: its study file and the registry of sites."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studyscope_aggregator.milestones import Passed, set_passed
from studyscope_contract.study_site import Milestone
from studyscope_demo.folder import DemoFolder
from studyscope_demo.profiles import Hospital
from studyscope_demo.settings_file import write_yaml
from studyscope_demo.world.anatomy import STRUCTURES
from studyscope_demo.world.findings import CLASSIFIER, LANDMARKS, PHASE_CLASSIFIER, PHASES
from studyscope_demo.world.jobs import WORKFLOWS
from studyscope_demo.world.registers import CIRRHOSIS, GRADES, PERFORMANCE
from studyscope_demo.world.segments import ALGORITHM, VERSION

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
        "landmarks": [{"code": landmark, "label": label} for landmark, (label, _) in LANDMARKS.items()],
        "classifiers": [
            {"id": CLASSIFIER, "title": "Malignancy of liver lesions", "positive": ["malignant"]},
            {"id": PHASE_CLASSIFIER, "title": "Contrast phase", "positive": list(PHASES[1:]), "published": "calibration"},
        ],
        "variables": [
            {"id": "tumour-grade", "title": "Tumour grade", "codes": {code: list(words) for code, words in GRADES.items()}},
            {
                "id": "performance-status",
                "title": "ECOG performance status",
                "codes": {code: list(words) for code, words in PERFORMANCE.items()},
                "missing": ["-9"],
            },
        ],
        "subgroup": {
            "id": "cirrhosis",
            "title": "Cirrhosis of the liver",
            "codes": {code: list(words) for code, words in CIRRHOSIS.items()},
        },
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
    write_yaml(folder.study, content)
    (folder.registry / "studies").mkdir(parents=True, exist_ok=True)
    write_yaml(folder.registry / "studies" / f"{STUDY_ID}.yaml", content)
    write_yaml(
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
