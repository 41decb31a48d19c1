"""Separate parts of structures: 26 neighbours, against scipy, in every order and width of voxels."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from studyscope_exporter.inventory import Inventory
from studyscope_exporter.lesions import lesion_counts
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.nifti import NiftiSource, Settings
from studyscope_exporter.sources.source import NoProgress

PSEUDONYMS = Pseudonyms(b"s" * 32)


def by_scipy(mask: Any) -> int:
    return int(ndimage.label(mask, structure=np.ones((3, 3, 3)))[1])


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    shape=st.tuples(st.integers(1, 17), st.integers(1, 9), st.integers(1, 11)),
    density=st.sampled_from([0.0, 0.02, 0.15, 0.6, 1.0]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    fortran=st.booleans(),
)
def test_parts_are_those_of_scipy(seed: int, shape: tuple[int, int, int], density: float, dtype: Any, fortran: bool) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(1, 5, shape) * (random.random(shape) < density)
    labels = np.asarray(labels, dtype, order="F" if fortran else "C")

    found = lesion_counts(labels, {"one": (1,), "two": (2,), "both": (1, 2), "absent": (9,)})

    assert found == {
        "one": by_scipy(labels == 1),
        "two": by_scipy(labels == 2),
        "both": by_scipy((labels == 1) | (labels == 2)),
        "absent": 0,
    }


def test_voxels_that_touch_at_a_corner_are_one_part() -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[0, 0, 0] = labels[1, 1, 1] = labels[3, 3, 3] = 1

    assert lesion_counts(labels, {"lesion": (1,)}) == {"lesion": 2}


def test_the_last_voxels_of_an_image_that_is_no_multiple_of_eight_bytes_count() -> None:
    labels = np.zeros((3, 3, 3), np.uint8)
    labels[2, 2, 2] = 1

    assert lesion_counts(labels, {"lesion": (1,)}) == {"lesion": 1}


@pytest.mark.parametrize("layout", ["files", "folders"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_source_counts_the_parts_of_the_structures_that_it_is_asked_for(tmp_path: Path, layout: str, dtype: Any) -> None:
    lesion, liver = np.zeros((2, 12, 12, 12), dtype)
    lesion[1:3, 1:3, 1:3] = lesion[6:9, 6, 6] = lesion[11, 11, 11] = 1
    liver[4:, 8:, :5] = 1
    maps = {"P1": lesion * 2 + liver} if layout == "files" else {"P1/lesion": lesion, "P1/liver": liver}
    for name, labels in maps.items():
        path = tmp_path / "maps" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(labels, np.eye(4)), path)  # type: ignore[no-untyped-call]
    stated = {"name": "maps", "kind": "nifti", "path": tmp_path / "maps", "layout": layout, "lesions": ["Lesion"]}
    stated["labels"] = {"background": 0, "liver": 1, "lesion": 2}
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: now) as inventory:
        NiftiSource(Settings.model_validate(stated), SiteContext(PSEUDONYMS, lambda: now)).scan(inventory, NoProgress())
        rows = inventory.structures_frame().set_index("structure")

    assert rows.loc["lesion", "lesions"] == 3
    assert np.isnan(rows.loc["liver", "lesions"])
    assert rows.loc["lesion", "volume_ml"] == pytest.approx(12 / 1000)
