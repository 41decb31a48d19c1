"""Folders of label maps as a source: both layouts, links, names, incremental passes."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from pydantic import ValidationError

from registry_files import totalsegmentator_results
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import ImagingSeries
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.nifti import NiftiSource, Settings, open_source
from studyscope_exporter.sources.source import NoProgress, ScanResult, SourceUnavailable

PSEUDONYMS = Pseudonyms(b"s" * 32)
BY_PATIENT = {"by": "pattern", "pattern": "{PatientID}.nii.gz"}


def now() -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=now) as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def source(root: Path, **settings: Any) -> NiftiSource:
    return open_source(
        Settings.model_validate({"name": "seg", "kind": "nifti", "path": root} | settings), SiteContext(PSEUDONYMS, now)
    )


def scanned(root: Path, inventory: Inventory, **settings: Any) -> ScanResult:
    return source(root, **settings).scan(inventory, NoProgress())


def write(path: Path, *counts: int) -> None:
    """A label map with `counts[i]` voxels of label i + 1; a voxel is 1 ml."""
    labels = np.zeros(1000, np.uint8)
    for label, count in enumerate(counts, 1):
        labels[sum(counts[: label - 1]) :][:count] = label
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(labels.reshape(10, 10, 10), np.diag([10.0, 10.0, 10.0, 1.0]))  # type: ignore[no-untyped-call]
    nib.save(image, path)


def volumes(inventory: Inventory) -> dict[bytes, dict[str, Any]]:
    """Structures with ml, by the key of the patient."""
    rows = inventory.segmentations_frame().merge(inventory.structures_frame(), on="segmentation_key")
    found: dict[bytes, dict[str, Any]] = {}
    for key, structure, volume in zip(rows["patient_key"], rows["structure"], rows["volume_ml"], strict=True):
        found.setdefault(key, {})[structure] = pytest.approx(volume)
    return found


def patient(name: str) -> bytes:
    return PSEUDONYMS.patient(name)


def test_a_label_map_per_case_with_names_from_dataset_json_above_it(root: Path, inventory: Inventory) -> None:
    (root / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "Liver": 1, "Tumor": 2}}))
    write(root / "labelsTr" / "P1.nii.gz", 5, 3)
    write(root / "labelsTr" / "P2.nii.gz", 7)

    result = scanned(root, inventory, link=BY_PATIENT, algorithm="nnU-Net", algorithm_version="2.5", review_state="manual")

    assert (result.seen, result.read, result.unlinked) == (2, 2, 0)
    assert volumes(inventory) == {patient("P1"): {"liver": 5, "tumor": 3}, patient("P2"): {"liver": 7, "tumor": 0}}
    row = inventory.segmentations_frame().iloc[0]
    assert (row["algorithm"], row["algorithm_version"], row["review_state"], row["reading"]) == ("nnu-net", "2.5", "manual", "")


def test_a_folder_per_case_with_a_mask_per_structure(root: Path, inventory: Inventory) -> None:
    write(root / "P1" / "segmentations" / "liver.nii.gz", 5)
    write(root / "P1" / "segmentations" / "spleen.nii.gz", 0)
    write(root / "P2" / "segmentations" / "liver.nii.gz", 6)
    link = {"by": "pattern", "pattern": "{PatientID}/segmentations"}

    scanned(root, inventory, layout="folders", link=link)

    assert volumes(inventory) == {patient("P1"): {"liver": 5, "spleen": 0}, patient("P2"): {"liver": 6}}


def test_one_more_mask_in_a_folder_makes_its_case_anew_and_a_damaged_one_does_not_lose_it(
    root: Path, inventory: Inventory
) -> None:
    link = {"by": "pattern", "pattern": "{PatientID}"}
    write(root / "P1" / "liver.nii.gz", 5)
    scanned(root, inventory, layout="folders", link=link)
    write(root / "P1" / "spleen.nii.gz", 2)
    (root / "P1" / "aorta.nii.gz").write_bytes(b"nothing")

    result = scanned(root, inventory, layout="folders", link=link)

    assert result.unreadable == {"not NIfTI": 1}
    assert volumes(inventory) == {patient("P1"): {"liver": 5, "spleen": 2}}
    assert len(inventory.segmentations_frame()) == 1


def test_an_unchanged_tree_is_not_read_again_and_what_is_gone_leaves(root: Path, inventory: Inventory) -> None:
    write(root / "P1.nii.gz", 5)
    write(root / "P2.nii.gz", 5)
    scanned(root, inventory, link=BY_PATIENT)
    assert scanned(root, inventory, link=BY_PATIENT).read == 0

    (root / "P1.nii.gz").unlink()
    result = scanned(root, inventory, link=BY_PATIENT)

    assert (result.read, result.removed) == (0, 1)
    assert set(volumes(inventory)) == {patient("P2")}


def test_settings_name_labels_before_anything_else(root: Path, inventory: Inventory) -> None:
    (root / "dataset.json").write_text(json.dumps({"labels": {"wrong": 1}}))
    write(root / "P1.nii.gz", 5, 3)

    scanned(root, inventory, link=BY_PATIENT, labels={"whole": [1, 2]})

    assert volumes(inventory) == {patient("P1"): {"whole": 8}}


def test_other_names_in_dataset_json_are_read_although_no_label_map_changed(root: Path, inventory: Inventory) -> None:
    write(root / "P1.nii.gz", 5)
    scanned(root, inventory, link=BY_PATIENT)
    assert volumes(inventory) == {patient("P1"): {"label 1": 5}}
    (root / "dataset.json").write_text(json.dumps({"labels": {"Liver": 1}}))

    scanned(root, inventory, link=BY_PATIENT)

    assert volumes(inventory) == {patient("P1"): {"liver": 5}}


def test_a_line_that_is_added_to_the_table_of_links_links_what_was_not(root: Path, inventory: Inventory, tmp_path: Path) -> None:
    table = tmp_path / "links.csv"
    table.write_text("case,pid\ncase_1,P1\n")
    write(root / "case_1.nii.gz", 5)
    write(root / "case_2.nii.gz", 6)
    link = {"by": "csv", "file": str(table), "name_column": "case", "column": "pid"}
    assert scanned(root, inventory, link=link).unlinked == 1

    table.write_text("case,pid\ncase_1,P1\ncase_2,P2\n")

    assert scanned(root, inventory, link=link).unlinked == 0
    assert set(volumes(inventory)) == {patient("P1"), patient("P2")}


def test_a_label_map_of_a_series_is_linked_once_the_series_is_known(root: Path, inventory: Inventory) -> None:
    write(root / "1.2.3.nii.gz", 5)
    link = {"by": "pattern", "pattern": "{SeriesInstanceUID}.nii.gz"}
    assert scanned(root, inventory, link=link).unlinked == 1
    series = ImagingSeries(
        PSEUDONYMS.series("1.2.3"),
        PSEUDONYMS.study("1.2"),
        patient("P9"),
        *("CT", "other", "other", "other", "F", None, None, None, None, "no", "no", False),
    )
    inventory.put("images", b"i" * 16, [series])

    result = scanned(root, inventory, link=link)

    assert (result.read, result.unlinked) == (0, 0)
    assert set(volumes(inventory)) == {patient("P9")}


def test_without_a_link_nothing_enters_a_patient_table_and_the_check_says_so(root: Path, inventory: Inventory) -> None:
    write(root / "P1.nii.gz", 5)

    assert scanned(root, inventory).unlinked == 1
    assert any("no `link`" in finding.message for finding in source(root).check())


def test_the_folder_says_whether_a_person_reviewed_it(root: Path, inventory: Inventory) -> None:
    write(root / "auto" / "P1.nii.gz", 5)
    write(root / "corrected" / "batch 1" / "P2.nii.gz", 5)

    scanned(
        root, inventory, link=BY_PATIENT, review_state="automatic", review_folders={"corrected": "corrected"}, reading="second"
    )

    frame = inventory.segmentations_frame().set_index("patient_key")
    assert dict(frame["review_state"]) == {patient("P1"): "automatic", patient("P2"): "corrected"}
    assert set(frame["reading"]) == {"second"}


def test_reading_in_other_processes_gives_the_same(root: Path, inventory: Inventory) -> None:
    for number in range(20):
        write(root / f"P{number}.nii.gz", number)
    settings = Settings.model_validate({"name": "seg", "kind": "nifti", "path": root, "link": BY_PATIENT})

    with ProcessPoolExecutor(1) as executor:
        open_source(settings, SiteContext(PSEUDONYMS, now, executor=executor)).scan(inventory, NoProgress())

    assert volumes(inventory) == {patient(f"P{number}"): {"label 1": number} for number in range(1, 20)}


def test_a_file_that_may_not_be_read_is_counted_and_read_once_it_may(root: Path, inventory: Inventory) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    write(root / "P1.nii.gz", 5)
    (root / "P1.nii.gz").chmod(0)
    assert scanned(root, inventory, link=BY_PATIENT).unreadable == {"no permission": 1}
    (root / "P1.nii.gz").chmod(0o600)

    assert scanned(root, inventory, link=BY_PATIENT).unreadable == {}


def test_a_root_that_is_gone_removes_nothing(root: Path, inventory: Inventory) -> None:
    write(root / "P1.nii.gz", 5)
    scanned(root, inventory, link=BY_PATIENT)
    shutil.rmtree(root)

    with pytest.raises(SourceUnavailable):
        scanned(root, inventory, link=BY_PATIENT)

    assert set(volumes(inventory)) == {patient("P1")}
    assert not source(root, link=BY_PATIENT).check()[0].ok


def test_a_table_of_links_that_cannot_be_read_stops_the_scan_with_its_reason(
    root: Path, inventory: Inventory, tmp_path: Path
) -> None:
    (tmp_path / "links.csv").write_bytes(b"case,pid\nM\xfcller,P1\n")
    link = {"by": "csv", "file": str(tmp_path / "links.csv"), "name_column": "case", "column": "pid"}

    with pytest.raises(SourceUnavailable, match="is not utf-8") as caught:
        scanned(root, inventory, link=link)

    assert not caught.value.temporary


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": {"liver": "x"}}, "expected"),
        ({"layout": "tree"}, "files"),
        ({"colour": "red"}, "unknown key"),
        ({"link": {"by": "pattern", "pattern": "{*}"}}, "must hold"),
    ],
)
def test_settings_that_cannot_work_are_refused(root: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        source(root, **settings)


def test_the_real_case_folder_of_totalsegmentator_is_one_segmentation_with_the_volumes_it_states(
    root: Path, inventory: Inventory
) -> None:
    shutil.copytree(totalsegmentator_results() / "example_seg_fast", root / "P1")

    scanned(root, inventory, layout="folders", link={"by": "pattern", "pattern": "{PatientID}"}, algorithm="TotalSegmentator")

    ((key, found),) = volumes(inventory).items()
    stated = json.loads((root / "P1" / "statistics.json").read_text())
    assert key == patient("P1")
    assert len(stated) == 117
    assert {name: found[name.lower()] for name in stated} == {name: values["volume"] / 1000 for name, values in stated.items()}
