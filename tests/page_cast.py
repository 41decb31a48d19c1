"""A small hospital with real DICOM files and an officer, from its site file on: what the tests of its pages share."""

import shutil
from pathlib import Path

from site_cast import write_patient
from studyscope_contract.keys import SigningKey
from studyscope_exporter.cli import main

STUDY = """\
schema: 1
id: liver
title: Liver <lesions> & more
version: 1
leads: [{name: Dr. Lead, mail: lead@study.example}]
sites: [{id: berlin, name: Berlin, city: Berlin, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01,
         targets: [{patients: 80, by: 2027-01-01, valid_from: 2026-01-01}]}]
cohort: {modalities: [CT]}
stages: [imaged]
"""
WOMEN, MEN = 27, 3


def make_site(folder: Path, *, patients: int = WOMEN + MEN, more: str = "", passphrase: str | None = None) -> Path:
    """A site file in `folder`; `more` is added to it, `passphrase` protects the officer's key."""
    officer = SigningKey.generate()
    officer.save(folder / "officer.pem", passphrase)
    (folder / "study.yaml").write_text(STUDY)
    (folder / "dicom").mkdir()
    for number in range(patients):
        write_patient(folder / "dicom", number, "F" if number < WOMEN else "M")
    path = folder / "site.yaml"
    path.write_text(
        "site: berlin\nstate: state\nkeys: keys\nsources: [{name: archive, kind: folder, path: dicom}]\n"
        "studies:\n  - study_file: study.yaml\n    centre: {url: 'http://127.0.0.1:9', timeout_seconds: 1}\n"
        f"    approvers: [{{name: DPO, key: '{officer.public.text}'}}]\n{more}"
    )
    assert run(path, "keygen") == 0
    return path


def copied_site(template: Path, folder: Path) -> Path:
    """A site of its own with what `template` has scanned; everything in a site file is relative to it."""
    shutil.copytree(template.parent, folder, dirs_exist_ok=True)
    return folder / template.name


def run(site: Path, *arguments: str) -> int:
    return main(["--config", str(site), *arguments])
