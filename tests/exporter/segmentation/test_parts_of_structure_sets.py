"""Separate parts of contoured regions, against scipy on boxes drawn into a grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from scipy import ndimage

from studyscope_exporter.dicom.rtstruct import read_structure_set
from studyscope_exporter.pseudonym import Pseudonyms
from written_structure_sets import at, contour, square, structure_set

PSEUDONYMS = Pseudonyms(b"s" * 32)
HEIGHTS = (0.0, 3.0, 6.0)


def parts(path: Path, contours: list[Dataset]) -> int | None:
    written = structure_set(path / "rs.dcm", {"Lesion": contours, "Frame": [contour(at(z, square(5))) for z in HEIGHTS]})
    (found,) = (one for one in read_structure_set(written, PSEUDONYMS, ("lesion",)).structures if one.structure == "lesion")
    return found.lesions


def columns(*polygons: Any, heights: tuple[float, ...] = HEIGHTS) -> list[Dataset]:
    return [contour(at(z, polygon)) for z in heights for polygon in polygons]


def test_columns_beside_each_other_are_parts_and_planes_of_one_are_not(tmp_path: Path) -> None:
    assert parts(tmp_path, columns(square(10, -20), square(6, 20))) == 2
    assert parts(tmp_path, columns(square(10))) == 1


def test_an_island_in_a_hole_is_a_part_of_its_own(tmp_path: Path) -> None:
    assert parts(tmp_path, columns(square(30), square(20))) == 1
    assert parts(tmp_path, columns(square(30), square(20), square(10))) == 2


def test_a_contour_that_is_there_twice_does_not_vanish(tmp_path: Path) -> None:
    assert parts(tmp_path, columns(square(10), square(10))) == 1


def test_parts_do_not_touch_across_a_gap(tmp_path: Path) -> None:
    assert parts(tmp_path, columns(square(10), heights=(0.0, 2.0, 4.0, 90.0, 92.0, 94.0))) == 2


def test_a_region_without_contours_has_none_and_parts_are_counted_only_where_asked(tmp_path: Path) -> None:
    assert parts(tmp_path, []) == 0
    written = structure_set(tmp_path / "rs.dcm", {"Lesion": columns(square(10))})
    assert [one.lesions for one in read_structure_set(written, PSEUDONYMS).structures] == [None]


@pytest.mark.parametrize("seed", range(12))
def test_boxes_at_random_are_the_parts_that_scipy_finds(tmp_path: Path, seed: int) -> None:
    random, grid, contours = np.random.default_rng(seed), np.zeros((6, 40, 40), bool), []
    for plane in range(6):
        for _ in range(random.integers(0, 4)):
            x, y = random.integers(0, 34, 2)
            width, depth = random.integers(2, 6, 2)
            if grid[plane, x : x + width, y : y + depth].any():
                continue  # contours of one plane that cross each other are no drawing
            grid[plane, x : x + width, y : y + depth] = True
            box = [(x, y), (x + width, y), (x + width, y + depth), (x, y + depth)]
            contours.append(contour(at(2.0 * plane, [(float(a), float(b)) for a, b in box])))
    empty = [plane for plane in range(6) if not grid[plane].any()]
    if not contours or empty:
        contours += [contour(at(2.0 * plane, square(2, 38, 38))) for plane in empty]
        for plane in empty:
            grid[plane, 37:39, 37:39] = True

    assert parts(tmp_path, contours) == ndimage.label(grid, np.ones((3, 3, 3)))[1]


def test_pydicoms_own_box_is_one_part() -> None:
    found = read_structure_set(Path(str(get_testdata_file("rtstruct.dcm"))), PSEUDONYMS, ("patient", "roi-1")).structures

    assert {one.lesions for one in found} <= {None, 1}
    assert 1 in {one.lesions for one in found}
