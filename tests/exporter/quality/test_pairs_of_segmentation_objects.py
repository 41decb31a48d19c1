"""DICOM segmentation objects of one image, written by highdicom, compared voxel by voxel."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyscope_exporter.dicom.seg_voxels import OtherGrid, read_pair
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.pairs import PairsSource, Settings
from studyscope_exporter.sources.source import NoProgress, ScanResult
from written_segmentations import SLICE_DISTANCE, SPACING, VOXEL_ML, ct_slices, written

PSEUDONYMS = Pseudonyms(b"s" * 32)
SLICES = ct_slices(8, 11, 9)


def now() -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=now) as opened:
        yield opened


def masks(seed: int, segments: int) -> Any:
    """Overlapping blobs in some of the planes, (slices, rows, columns, segments)."""
    random = np.random.default_rng(seed)
    found = np.zeros((8, 11, 9, segments), np.uint8)
    for segment in range(segments):
        low = random.integers(1, 4, 3)
        found[low[0] : low[0] + 3, low[1] : low[1] + 5, low[2] : low[2] + 4, segment] = 1
    return found


def structure(grid: Any, name: str) -> Any:
    return np.isin(grid.labels, grid.structures[name])


@pytest.mark.parametrize("seed", range(5))
def test_overlapping_segments_come_back_as_they_were_written(tmp_path: Path, seed: int) -> None:
    mine, theirs = masks(seed, 3), masks(seed + 50, 2)
    written(tmp_path / "a.dcm", mine, ["Liver", "Lesion", "Vessel"], source=SLICES, omit_empty_frames=True)
    written(tmp_path / "b.dcm", theirs, ["liver", "lesion"], source=SLICES, omit_empty_frames=False)

    pair = read_pair(tmp_path / "a.dcm", tmp_path / "b.dcm")

    assert pair.spacing_mm == pytest.approx((SLICE_DISTANCE, *SPACING))
    assert pair.mine.labels.shape == pair.theirs.labels.shape == (8, 11, 9)
    for at, name in enumerate(("liver", "lesion", "vessel")):
        assert np.array_equal(structure(pair.mine, name), mine[..., at] > 0)
    for at, name in enumerate(("liver", "lesion")):
        assert np.array_equal(structure(pair.theirs, name), theirs[..., at] > 0)


@pytest.mark.parametrize("kind", ["LABELMAP", "FRACTIONAL"])
def test_types_of_segmentation_can_be_held_against_each_other(tmp_path: Path, kind: str) -> None:
    one = masks(1, 1)
    pixels = one[..., 0] if kind == "LABELMAP" else one.astype(float)
    written(tmp_path / "a.dcm", pixels, ["liver"], kind, source=SLICES)
    written(tmp_path / "b.dcm", one, ["liver"], source=SLICES)

    pair = read_pair(tmp_path / "a.dcm", tmp_path / "b.dcm")

    assert np.array_equal(structure(pair.mine, "liver"), structure(pair.theirs, "liver"))
    assert structure(pair.mine, "liver").sum() == one.sum()


def test_objects_of_other_planes_or_pixels_lie_on_other_grids(tmp_path: Path) -> None:
    between, shifted = ct_slices(8, 11, 9), ct_slices(8, 11, 9)
    for image in between:
        image.ImagePositionPatient = [0.0, 0.0, float(image.ImagePositionPatient[2]) + 1.1]
    for image in shifted:
        image.ImagePositionPatient = [3.0, 0.0, float(image.ImagePositionPatient[2])]
    written(tmp_path / "a.dcm", masks(1, 1), ["liver"], source=SLICES)
    for name, source in (("between", between), ("shifted", shifted)):
        written(tmp_path / f"{name}.dcm", masks(1, 1), ["liver"], source=source)
        with pytest.raises(OtherGrid):
            read_pair(tmp_path / "a.dcm", tmp_path / f"{name}.dcm")


def scanned(root: Path, inventory: Inventory, **settings: Any) -> ScanResult:
    stated = {
        "name": "second", "kind": "pairs", "path": root / "results", "readings": root / "readings", "link": {"by": "content"},
    }  # fmt: skip
    return PairsSource(Settings.model_validate(stated | settings), SiteContext(PSEUDONYMS, now)).scan(inventory, NoProgress())


def test_a_folder_of_objects_is_paired_by_the_series_that_they_were_made_of(tmp_path: Path, inventory: Inventory) -> None:
    for folder in ("results", "readings"):
        (tmp_path / folder).mkdir()
    mine, theirs = masks(3, 1), masks(4, 1)
    written(tmp_path / "results" / "a.dcm", mine, ["Liver"], source=SLICES)
    written(tmp_path / "readings" / "z.dcm", theirs, ["Liver"], source=SLICES, algorithm_type="MANUAL")
    written(tmp_path / "results" / "alone.dcm", mine, ["Liver"], source=ct_slices(8, 11, 9))
    SLICES[0].save_as(tmp_path / "results" / "image.dcm", enforce_file_format=True)

    result = scanned(tmp_path, inventory, lesions=["liver"])

    assert (result.seen, result.ignored, result.unreadable) == (1, {"no counterpart": 1}, {})
    (row,) = inventory.agreements_frame().itertuples()
    assert row.dice == pytest.approx(2 * (mine & theirs).sum() / (mine.sum() + theirs.sum()))
    assert row.volume_ml == pytest.approx(mine.sum() * VOXEL_ML)
    assert (row.algorithm, row.algorithm_version, row.review_state) == ("totalsegmentator", "2.4.0", "automatic")
    assert (row.patient_key, row.instances) == (PSEUDONYMS.patient("P 1"), 1)


def test_a_damaged_object_is_counted_by_reason_and_the_others_are_compared(tmp_path: Path, inventory: Inventory) -> None:
    for folder in ("results", "readings"):
        (tmp_path / folder).mkdir()
    for number in range(2):
        source = ct_slices(8, 11, 9, patient_id=f"P{number}")
        for folder in ("results", "readings"):
            written(tmp_path / folder / f"{number}.dcm", masks(number, 1), ["Liver"], source=source)
    whole = (tmp_path / "readings" / "1.dcm").read_bytes()
    (tmp_path / "readings" / "1.dcm").write_bytes(whole[:-20])

    result = scanned(tmp_path, inventory)

    assert (result.seen, result.unreadable) == (2, {"truncated": 1})
    assert inventory.agreements_frame()["dice"].tolist() == [1.0]
    shutil.rmtree(tmp_path / "readings")
    assert len(inventory.agreements_frame()) == 1


def test_labels_are_not_asked_for_where_objects_name_them() -> None:
    with pytest.raises(ValueError, match="leave labels, reading_labels and reading_link out"):
        Settings.model_validate(
            {"name": "x", "kind": "pairs", "path": "a", "readings": "b", "link": {"by": "content"}, "labels": {"liver": 1}}
        )
