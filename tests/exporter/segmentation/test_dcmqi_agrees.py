"""dcmqi, the converter behind most public segmentation objects, writes what we read, and reads what we count."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from studyscope_exporter.dicom.seg_voxels import read_pair
from studyscope_exporter.dicom.segmentation import read_segmentation
from studyscope_exporter.pseudonym import Pseudonyms
from written_segmentations import SLICE_DISTANCE, SPACING, VOXEL_ML, ct_slices, written

dcmqi = pytest.importorskip("dcmqi", reason="needs dcmqi: pip install dcmqi")
PROGRAMS = Path(dcmqi.__file__).parent / "bin"
PSEUDONYMS = Pseudonyms(b"s" * 32)
SHAPE = (12, 20, 24)


def run(program: str, *arguments: str) -> None:
    done = subprocess.run([os.fspath(PROGRAMS / program), *arguments], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def organs(seed: int) -> Any:
    """Two structures, (slices, rows, columns), 1 and 2."""
    random, labels = np.random.default_rng(seed), np.zeros(SHAPE, np.uint8)
    for label in (1, 2):
        z, y, x = random.integers(1, 6, 3)
        labels[z : z + 5, y : y + 9, x : x + 8][random.random((5, 9, 8)) < 0.8] = label
    return labels


def named(number: int, label: str) -> dict[str, Any]:
    organ = {"CodeValue": "10200004", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Liver"}
    anatomy = {"CodeValue": "123037004", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Anatomical Structure"}
    return {
        "labelID": number,
        "SegmentLabel": label,
        "SegmentDescription": label,
        "SegmentAlgorithmType": "AUTOMATIC",
        "SegmentAlgorithmName": "net",
        "SegmentedPropertyCategoryCodeSequence": anatomy,
        "SegmentedPropertyTypeCodeSequence": organ,
        "recommendedDisplayRGBValue": [100, 100, 100],
    }


def by_dcmqi(folder: Path, labels: Any, slices: list[Any], name: str) -> Path:
    (folder / "ct").mkdir(exist_ok=True)
    for number, image in enumerate(slices):
        image.save_as(folder / "ct" / f"{number}.dcm", enforce_file_format=True)
    # NIfTI counts from right to left and from front to back, DICOM the other way.
    affine = np.diag([-SPACING[1], -SPACING[0], SLICE_DISTANCE, 1.0])
    nib.save(nib.Nifti1Image(labels.transpose(2, 1, 0), affine), folder / "labels.nii.gz")  # type: ignore[no-untyped-call]
    described = {
        "ContentCreatorName": "Reader", "SeriesDescription": "Segmentation", "SeriesNumber": "300", "InstanceNumber": "1",
        "segmentAttributes": [[named(1, "Liver"), named(2, "Spleen")]],
    }  # fmt: skip
    (folder / "described.json").write_text(json.dumps(described))
    run(
        "itkimage2segimage", "--inputImageList", f"{folder / 'labels.nii.gz'}", "--inputDICOMDirectory", f"{folder / 'ct'}",
        "--inputMetadata", f"{folder / 'described.json'}", "--outputDICOM", f"{folder / name}",
    )  # fmt: skip
    return folder / name


@pytest.mark.parametrize("seed", range(3))
def test_what_dcmqi_writes_has_the_volumes_of_its_label_map(tmp_path: Path, seed: int) -> None:
    labels = organs(seed)

    found = read_segmentation(by_dcmqi(tmp_path, labels, ct_slices(*SHAPE), "seg.dcm"), PSEUDONYMS)

    volumes = {one.structure: one.volume_ml for one in found.structures}
    assert volumes == pytest.approx({"liver": (labels == 1).sum() * VOXEL_ML, "spleen": (labels == 2).sum() * VOXEL_ML}, rel=1e-3)
    assert (found.algorithm, found.review_state) == ("net", "automatic")


@pytest.mark.parametrize("seed", range(3))
def test_what_highdicom_wrote_has_the_volumes_that_dcmqi_reads(tmp_path: Path, seed: int) -> None:
    labels = organs(seed)
    masks = np.stack([labels == 1, labels == 2], axis=-1).astype(np.uint8)
    written(tmp_path / "seg.dcm", masks, ["Liver", "Spleen"], source=ct_slices(*SHAPE))

    run("segimage2itkimage", "--inputDICOM", f"{tmp_path / 'seg.dcm'}", "--outputDirectory", f"{tmp_path}", "--outputType", "nii")

    ours = {one.structure: one.volume_ml for one in read_segmentation(tmp_path / "seg.dcm", PSEUDONYMS).structures}
    for number, name in ((1, "liver"), (2, "spleen")):
        image: Any = nib.load(tmp_path / f"{number}.nii.gz")  # type: ignore[attr-defined]
        voxel_ml = float(np.prod(image.header.get_zooms()[:3])) / 1000.0
        assert ours[name] == pytest.approx(np.count_nonzero(image.get_fdata()) * voxel_ml, rel=1e-3)


def test_an_object_of_dcmqi_lies_on_the_grid_of_one_of_highdicom(tmp_path: Path) -> None:
    labels, slices = organs(7), ct_slices(*SHAPE)
    masks = np.stack([labels == 1, labels == 2], axis=-1).astype(np.uint8)
    written(tmp_path / "ours.dcm", masks, ["Liver", "Spleen"], source=slices)

    pair = read_pair(by_dcmqi(tmp_path, labels, slices, "theirs.dcm"), tmp_path / "ours.dcm")

    for name in ("liver", "spleen"):
        assert np.array_equal(*(np.isin(grid.labels, grid.structures[name]) for grid in (pair.mine, pair.theirs)))
