"""Label maps of an ensemble's members: how far they agree, what that tells of failures, and that no table holds it."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from site_cast import write_patient
from studyscope_contract.keys import SigningKey
from studyscope_exporter.cli import main
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.ensemble import EnsembleSource, Settings
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress, ScanResult, SourceUnavailable

PSEUDONYMS = Pseudonyms(b"s" * 32)
LINK = {"by": "pattern", "pattern": "{PatientID}.nii.gz"}


def now() -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=now) as opened:
        yield opened


def write(path: Path, planes: int, spacing: float = 2.0) -> None:
    path.parent.mkdir(exist_ok=True)
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[:planes, 2:10, 2:10] = 1
    nib.save(nib.Nifti1Image(labels, np.diag([spacing, spacing, spacing, 1.0])), path)  # type: ignore[no-untyped-call]


def scanned(root: Path, inventory: Inventory, members: int = 3) -> ScanResult:
    stated: dict[str, Any] = {
        "name": "folds", "kind": "ensemble", "members": [root / f"fold_{n}" for n in range(members)],
        "link": LINK, "labels": {"liver": 1}, "algorithm": "nnU-Net",
    }  # fmt: skip
    return EnsembleSource(Settings.model_validate(stated), SiteContext(PSEUDONYMS, now)).scan(inventory, NoProgress())


def test_a_case_has_the_mean_dice_of_all_pairs_of_members(tmp_path: Path, inventory: Inventory) -> None:
    for member, planes in enumerate((4, 8, 8)):
        write(tmp_path / f"fold_{member}" / "P1.nii.gz", planes)

    assert scanned(tmp_path, inventory).read == 1

    (row,) = inventory.agreements_frame().itertuples()
    pairs = [2 * min(one, other) / (one + other) for one, other in itertools.combinations((4, 8, 8), 2)]
    assert row.dice == pytest.approx(np.mean(pairs))
    assert (row.against, row.patient_key) == ("ensemble", PSEUDONYMS.patient("P1"))
    assert scanned(tmp_path, inventory).read == 0


def test_cases_without_company_and_on_other_grids_are_counted_by_reason(tmp_path: Path, inventory: Inventory) -> None:
    for member in range(3):
        write(tmp_path / f"fold_{member}" / "P1.nii.gz", 4, spacing=2.0 if member else 3.0)
    write(tmp_path / "fold_1" / "P2.nii.gz", 4)
    write(tmp_path / "fold_1" / "P3.nii", 4)

    result = scanned(tmp_path, inventory)

    assert result.unreadable == {"another grid than its counterpart": 1}
    assert result.ignored == {"of one member only": 1, "not linked": 1}


def test_emptied_folders_are_a_source_that_is_down(tmp_path: Path, inventory: Inventory) -> None:
    for member in range(3):
        write(tmp_path / f"fold_{member}" / "P1.nii.gz", 4)
    scanned(tmp_path, inventory)
    for path in tmp_path.glob("fold_*/*"):
        path.unlink()

    with pytest.raises(SourceUnavailable, match="No label map is left"):
        scanned(tmp_path, inventory)
    assert len(inventory.agreements_frame()) == 1


def test_disagreement_ranks_the_failures_on_the_site_s_screen_and_enters_no_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pydicom

    for number in range(4):
        write_patient(tmp_path / "dicom", number, "F")
    patients = sorted({str(pydicom.dcmread(path).PatientID) for path in (tmp_path / "dicom").rglob("*.dcm")})
    for patient, agreed, reached in zip(patients, (8, 8, 6, 4), (8, 7, 5, 2), strict=True):
        write(tmp_path / "fold_0" / f"{patient}.nii.gz", 8)
        write(tmp_path / "fold_1" / f"{patient}.nii.gz", agreed)
        write(tmp_path / "readings" / f"{patient}.nii.gz", reached)
    (tmp_path / "study.yaml").write_text(
        "schema: 1\nid: liver\ntitle: Liver\nversion: 1\nleads: [{name: L, mail: l@study.example}]\n"
        "sites: [{id: berlin, name: B, city: B, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}]\n"
        "structures: [{code: liver, label: Liver}]\n"
    )
    common = "labels: {liver: 1}, link: {by: pattern, pattern: '{PatientID}.nii.gz'}"
    (tmp_path / "site.yaml").write_text(
        "site: berlin\nstate: state\nkeys: keys\nsources:\n  - {name: archive, kind: folder, path: dicom}\n"
        f"  - {{name: folds, kind: ensemble, members: [fold_0, fold_1], {common}}}\n"
        f"  - {{name: second, kind: pairs, path: fold_0, readings: readings, reading_labels: {{liver: 1}}, lesions: [liver], {common}}}\n"
        "studies:\n  - study_file: study.yaml\n    centre: {url: 'http://127.0.0.1:9'}\n"
        f"    approvers: [{{name: DPO, key: '{SigningKey.generate().public.text}'}}]\n"
    )
    for command in ("keygen", "scan"):
        assert main(["--config", str(tmp_path / "site.yaml"), command]) == 0
    capsys.readouterr()

    assert main(["--config", str(tmp_path / "site.yaml"), "measures", "--json"]) == 0
    found = {one["name"]: one["value"] for one in json.loads(capsys.readouterr().out)["studies"]["liver"]}
    agreement, error = [1, 1, 12 / 14, 8 / 12], [0, 1 - 14 / 15, 1 - 10 / 13, 1 - 4 / 10]
    risks = [sum(error[:2]) / 2, sum(error[:2]) / 2, sum(error[:3]) / 3, sum(error) / 4]  # the first two come in no order
    assert found["Dice between members of the ensemble, median"] == pytest.approx(np.median(agreement))
    assert found["area under the risk-coverage curve, by the ensemble"] == pytest.approx(np.mean(risks))
    assert found["the same without knowing which to trust"] == pytest.approx(np.mean(error))
    assert found["volume above the other reading's, mean, ml"] == pytest.approx((0 + 1 + 3 + 6) / 4 * 64 * 8 / 1000)
    assert found["lesions recognised (F1 at IoU over 0.5)"] == pytest.approx(2 * 3 / 8)

    assert main(["--config", str(tmp_path / "site.yaml"), "count", "--json"]) == 0
    dice = json.loads(capsys.readouterr().out)["studies"]["liver"]["structure_dice:liver"]
    assert sum(dice.values()) == 4
    assert dice == {"0.5": 1, "0.8": 1, "0.95": 1, "+Inf": 1}
