"""Separate parts of DICOM segments, in objects that highdicom writes, against scipy on the masks themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian, RLELossless
from scipy import ndimage

from studyscope_exporter.dicom.segmentation import read_segmentation
from studyscope_exporter.pseudonym import Pseudonyms
from written_segmentations import ct_slices, written

PSEUDONYMS = Pseudonyms(b"s" * 32)


def spots(seed: int, segments: int = 2) -> Any:
    """Sparse blobs, (slices, rows, columns, segments); rows times columns is no multiple of 8."""
    random = np.random.default_rng(seed)
    masks = random.random((9, 11, 7, segments)) < 0.06
    masks[4] = False
    return masks.astype(np.uint8)


def by_scipy(mask: Any) -> int:
    return int(ndimage.label(mask, structure=np.ones((3, 3, 3)))[1])


def lesions(path: Path, *names: str) -> dict[str, int | None]:
    return {one.structure: one.lesions for one in read_segmentation(path, PSEUDONYMS, names).structures}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("omit", [True, False])
def test_parts_of_binary_segments_are_those_of_the_masks(tmp_path: Path, seed: int, omit: bool) -> None:
    masks = spots(seed)
    written(tmp_path / "a.dcm", masks, ["Lesion", "Node"], omit_empty_frames=omit)

    assert lesions(tmp_path / "a.dcm", "lesion", "node") == {"lesion": by_scipy(masks[..., 0]), "node": by_scipy(masks[..., 1])}


def test_only_structures_that_were_asked_for_are_counted(tmp_path: Path) -> None:
    written(tmp_path / "a.dcm", spots(1), ["Lesion", "Liver"])

    assert lesions(tmp_path / "a.dcm", "lesion")["liver"] is None
    assert lesions(tmp_path / "a.dcm") == {"lesion": None, "liver": None}


def test_segments_of_one_name_add_up(tmp_path: Path) -> None:
    masks = spots(2)
    written(tmp_path / "a.dcm", masks, ["Lesion", "lesion"])

    assert lesions(tmp_path / "a.dcm", "lesion") == {"lesion": by_scipy(masks[..., 0]) + by_scipy(masks[..., 1])}


def test_parts_do_not_touch_across_a_plane_that_was_left_out(tmp_path: Path) -> None:
    mask = np.zeros((6, 8, 8, 1), np.uint8)
    mask[[0, 1, 3, 5], 4, 4] = 1
    written(tmp_path / "a.dcm", mask, ["lesion"], omit_empty_frames=True)

    assert lesions(tmp_path / "a.dcm", "lesion") == {"lesion": 3}


@pytest.mark.parametrize("kind", ["LABELMAP", "FRACTIONAL"])
def test_parts_in_the_other_types_of_segmentation(tmp_path: Path, kind: str) -> None:
    masks = spots(3, segments=1)
    pixels = masks[..., 0] if kind == "LABELMAP" else masks.astype(float)
    options = {} if kind == "LABELMAP" else {"max_fractional_value": 200}
    written(tmp_path / "a.dcm", pixels, ["lesion"], kind, **options)

    assert lesions(tmp_path / "a.dcm", "lesion") == {"lesion": by_scipy(masks[..., 0])}


def test_parts_of_compressed_frames(tmp_path: Path) -> None:
    masks = spots(4, segments=1)
    written(
        tmp_path / "a.dcm",
        masks.astype(float),
        ["lesion"],
        "FRACTIONAL",
        max_fractional_value=200,
        transfer_syntax_uid=RLELossless,
    )

    assert lesions(tmp_path / "a.dcm", "lesion") == {"lesion": by_scipy(masks[..., 0])}


def test_a_segment_without_a_voxel_has_no_part(tmp_path: Path) -> None:
    masks = spots(5)
    masks[..., 1] = 0
    written(tmp_path / "a.dcm", masks, ["lesion", "node"], transfer_syntax_uid=ExplicitVRLittleEndian)

    assert lesions(tmp_path / "a.dcm", "node")["node"] == 0


def test_frames_of_no_common_grid_keep_their_volumes_and_have_no_parts(tmp_path: Path) -> None:
    masks = spots(6, segments=1)
    source = ct_slices(*masks.shape[:3])
    source[5].ImagePositionPatient = [0.0, 0.0, source[5].ImagePositionPatient[2] + 0.9]
    dataset = written(tmp_path / "a.dcm", masks, ["lesion"], source=source, omit_empty_frames=False)

    (found,) = read_segmentation(tmp_path / "a.dcm", PSEUDONYMS, ["lesion"]).structures

    assert found.lesions is None
    assert found.volume_ml > 0
    assert dataset.NumberOfFrames == 9
