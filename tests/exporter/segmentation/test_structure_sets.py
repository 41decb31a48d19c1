"""RT structure sets: volumes of shapes that are known, files of other programs, and damaged ones."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from registry_files import source_package
from studyscope_exporter.dicom.rtstruct import read_structure_set
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.folder import FolderSource
from studyscope_exporter.sources.folder import Settings as FolderSettings
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress
from written_structure_sets import at, contour, item, square, structure_set

PSEUDONYMS = Pseudonyms(b"s" * 32)


def volumes(path: Path) -> dict[str, float]:
    return {found.structure: found.volume_ml for found in read_structure_set(path, PSEUDONYMS).structures}


def of_one(path: Path, contours: list[Dataset], **other: Any) -> float:
    return volumes(structure_set(path / "rs.dcm", {"Liver": contours}, **other))["liver"]


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_a_box_has_its_volume_in_every_transfer_syntax(tmp_path: Path, syntax: Any) -> None:
    planes = [contour(at(height * 2.5, square(20))) for height in range(10)]

    assert of_one(tmp_path, planes, syntax=syntax) == pytest.approx(400 * 25 / 1000)


def test_who_and_what_a_structure_set_is_of(tmp_path: Path) -> None:
    planes = [contour(at(height, square(20))) for height in range(3)]
    found = read_structure_set(structure_set(tmp_path / "a.dcm", {" Left  KIDNEY": planes}), PSEUDONYMS)

    assert found.patient_key == PSEUDONYMS.patient("P1")
    assert (found.study_key, found.image_series_key) == (PSEUDONYMS.study("1.2.3"), PSEUDONYMS.series("1.2.77"))
    assert (found.algorithm, found.algorithm_version, found.reading) == ("contour maker", "3.1", "")
    assert [one.structure for one in found.structures] == ["left kidney"]


@pytest.mark.parametrize(
    ("made", "state"),
    [
        ("AUTOMATIC", "automatic"),
        ("SEMIAUTOMATIC", "corrected"),
        ("MANUAL", "manual"),
        ("", "not_stated"),
        ("OTHER", "not_stated"),
    ],
)
def test_how_regions_were_made_is_the_review_state(tmp_path: Path, made: str, state: str) -> None:
    path = structure_set(tmp_path / "a.dcm", {"liver": [contour(at(height, square(9))) for height in range(3)]}, made=made)

    assert read_structure_set(path, PSEUDONYMS).review_state == state


def test_a_hole_is_taken_out_and_an_island_in_it_put_back(tmp_path: Path) -> None:
    planes = [contour(at(z, square(side))) for z in (0.0, 3.0, 6.0) for side in (30, 20, 10)]

    assert of_one(tmp_path, planes) == pytest.approx((900 - 400 + 100) * 9 / 1000)


def test_contours_beside_each_other_add_up_whichever_way_round_they_were_drawn(tmp_path: Path) -> None:
    planes = [
        contour(at(z, polygon)) for z in (0.0, 3.0) for polygon in (square(10, -20), square(6, 20)[::-1], square(2, 20, 1.5))
    ]

    assert of_one(tmp_path, planes) == pytest.approx((100 + 36 - 4) * 6 / 1000)


def test_a_keyhole_subtracts_by_itself(tmp_path: Path) -> None:
    keyhole = [*square(30), square(30)[0], *square(10)[::-1], square(10)[-1], square(30)[0]]

    assert of_one(tmp_path, [contour(at(z, keyhole)) for z in (0.0, 1.0)]) == pytest.approx((900 - 100) * 2 / 1000)


def test_a_contour_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    planes = [contour(at(z, square(side)), kind="CLOSEDPLANAR_XOR") for z in (0.0, 1.0) for side in (10, 4, 4, 10)]

    assert of_one(tmp_path, planes) == pytest.approx((100 - 16) * 2 / 1000)


def test_planes_at_unequal_distances_each_stand_for_their_own_share(tmp_path: Path) -> None:
    areas = {0.0: 10, 2.0: 20, 7.0: 30}
    planes = [contour(at(z, square(side))) for z, side in areas.items()]

    assert of_one(tmp_path, planes) == pytest.approx((100 * 2 + 400 * 3.5 + 900 * 5) / 1000)


def test_nothing_lies_in_a_gap_between_two_parts(tmp_path: Path) -> None:
    planes = [contour(at(z, square(10))) for z in (0.0, 2.0, 4.0, 90.0, 92.0, 94.0)]

    assert of_one(tmp_path, planes) == pytest.approx(100 * 12 / 1000)


def test_a_region_on_one_plane_is_as_thick_as_stated_or_as_planes_are_apart_elsewhere(tmp_path: Path) -> None:
    single, others = contour(at(0.0, square(10))), [contour(at(z, square(10))) for z in (0.0, 4.0, 8.0)]
    stated = contour(at(0.0, square(10)), ContourSlabThickness=1.5)

    found = volumes(structure_set(tmp_path / "a.dcm", {"spot": [single], "stated": [stated], "liver": others}))

    assert (found["spot"], found["stated"]) == (pytest.approx(0.4), pytest.approx(0.15))
    with pytest.raises(Unreadable) as caught:
        of_one(tmp_path, [single])
    assert caught.value.reason is Reason.UNSUPPORTED


def test_a_region_without_contours_is_empty_and_one_of_points_is_no_structure(tmp_path: Path) -> None:
    planes = [contour(at(z, square(10))) for z in (0.0, 4.0)]
    regions = {"liver": planes, "spleen": [], "isocentre": [contour([1, 2, 3], kind="POINT")]}

    assert volumes(structure_set(tmp_path / "a.dcm", regions)) == {"liver": pytest.approx(0.8), "spleen": 0.0}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1 << 30),
    corners=st.integers(3, 40),
    planes=st.integers(2, 12),
    distance=st.floats(0.5, 8.0),
)
def test_any_star_in_any_direction_has_the_volume_of_its_prism(
    tmp_path: Path, seed: int, corners: int, planes: int, distance: float
) -> None:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * math.pi, corners))
    radii = random.uniform(5, 60, corners)
    x, y = radii * np.cos(angles), radii * np.sin(angles)
    area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    turned = np.linalg.qr(random.normal(size=(3, 3)))[0]
    far = random.uniform(-500, 500, 3)
    contours = []
    for plane in random.permutation(planes):
        points = np.stack([x, y, np.full(corners, plane * distance)], axis=1) @ turned.T + far
        data = [f"{number:.9f}"[:16] for number in points.reshape(-1)]
        contours.append(item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=corners, ContourData=data))

    found = of_one(tmp_path, contours)

    assert found == pytest.approx(area * distance * planes / 1000, rel=1e-5, abs=1e-6)


def even_odd_area(polygons: list[Any], step: float) -> float:
    """Area by holding the centres of a fine grid against each polygon: slow, and written in another way."""
    ticks = np.arange(-70, 70, step) + step / 2
    x, y = np.meshgrid(ticks, ticks)
    inside = np.zeros(x.shape, bool)
    for polygon in polygons:
        one = np.zeros(x.shape, bool)
        for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            if y0 != y1:
                one ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        inside ^= one
    return float(inside.sum()) * step * step


@pytest.mark.parametrize("seed", range(6))
def test_nested_stars_are_those_of_an_even_odd_raster(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    polygons = []
    for shrink in (1.0, 0.55, 0.3):
        angles = np.linspace(0, 2 * math.pi, 50, endpoint=False)
        radii = shrink * random.uniform(50, 65, 50)
        polygons.append(np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1))
    random.shuffle(polygons)
    contours = [contour(at(z, [tuple(point) for point in polygon.tolist()])) for z in (0.0, 2.0) for polygon in polygons]

    assert of_one(tmp_path, contours) == pytest.approx(even_odd_area(polygons, 0.2) * 4 / 1000, rel=2e-3)


def test_sequences_of_undefined_length_read_the_same(tmp_path: Path) -> None:
    path = structure_set(tmp_path / "a.dcm", {"liver": [contour(at(z, square(10))) for z in (0.0, 4.0)]})
    dataset = pydicom.dcmread(path)

    def undefine(of: Dataset) -> None:
        for element in of:
            if element.VR == "SQ":
                element.is_undefined_length = True
                for inner in element.value:
                    inner.is_undefined_length_sequence_item = True
                    undefine(inner)

    undefine(dataset)
    dataset.save_as(tmp_path / "b.dcm")

    assert b"\xfe\xff\xdd\xe0" in (tmp_path / "b.dcm").read_bytes()
    assert volumes(tmp_path / "b.dcm") == volumes(path) == {"liver": pytest.approx(0.8)}


def test_the_real_structure_set_of_dicompyler_has_the_volume_that_its_own_test_expects() -> None:
    folder = source_package("dicompyler-core", "0.5.6", "/tests/") / "tests" / "testdata" / "example_data"

    found = volumes(folder / "rtss.dcm")

    # 440.23125 ml is counted on the dose grid; the sum of areas, by hand with pydicom, is 439.699.
    assert found["heart"] == pytest.approx(440.23125, rel=2e-3)
    assert found["heart"] == pytest.approx(439.699, abs=1e-3)
    assert len(found) == 10


def test_pydicoms_own_file_is_a_box_and_enters_the_inventory_through_a_folder(tmp_path: Path) -> None:
    path = Path(str(get_testdata_file("rtstruct.dcm")))
    (tmp_path / "dicom").mkdir()
    structure_set(tmp_path / "dicom" / "a.dcm", {"liver": [contour(at(z, square(10))) for z in (0.0, 4.0)]})
    (tmp_path / "dicom" / "b.dcm").write_bytes(path.read_bytes())
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    source = FolderSource(
        FolderSettings.model_validate({"name": "archive", "kind": "folder", "path": tmp_path / "dicom"}),
        SiteContext(PSEUDONYMS, lambda: moment),
    )

    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: moment) as inventory:
        source.scan(inventory, NoProgress())

        assert set(inventory.series_frame()["modality"]) == {"RTSTRUCT"}
        assert dict(inventory.structures_frame()[["structure", "volume_ml"]].itertuples(index=False)) == {
            "liver": pytest.approx(0.8),
            "patient": pytest.approx(3600.0),
        }


@pytest.mark.parametrize("data", ["1\\2", "1\\2\\x", "nan\\1\\2", "1e400\\1\\2", "\\\\"])
def test_contours_that_are_no_points_make_the_file_malformed(tmp_path: Path, data: str) -> None:
    path = structure_set(tmp_path / "a.dcm", {"liver": [contour(at(z, square(10))) for z in (0.0, 4.0)]})
    good = "\\".join(f"{number:.6g}" for number in at(0.0, square(10))).encode()
    raw = path.read_bytes()
    assert raw.count(good) == 1
    path.write_bytes(raw.replace(good, data.encode().ljust(len(good))))

    with pytest.raises(Unreadable) as caught:
        read_structure_set(path, PSEUDONYMS)

    assert caught.value.reason is Reason.MALFORMED


def test_contours_that_are_not_parallel_have_no_volume(tmp_path: Path) -> None:
    upright = [0, 0, 0, 10, 0, 0, 10, 0, 10, 0, 0, 10]

    with pytest.raises(Unreadable) as caught:
        of_one(tmp_path, [contour(at(0.0, square(10))), contour([float(number) for number in upright])])

    assert caught.value.reason is Reason.UNSUPPORTED


def test_a_plane_with_too_much_to_compare_is_refused_in_time(tmp_path: Path) -> None:
    tiny = [contour(at(0.0, square(0.5, x))) for x in range(9000)]
    huge = contour(at(0.0, square(1e5) * 1200))

    with pytest.raises(Unreadable) as caught:
        of_one(tmp_path, [*tiny, huge, contour(at(1.0, square(10)))], syntax=ImplicitVRLittleEndian)

    assert caught.value.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize("seed", range(150))
def test_mutated_files_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    path = structure_set(
        tmp_path / "a.dcm",
        {"liver": [contour(at(z, square(10))) for z in (0.0, 4.0)], "spleen": [contour(at(0.0, square(3)))]},
        syntax=(ExplicitVRLittleEndian, ImplicitVRLittleEndian)[seed % 2],
    )
    raw = bytearray(path.read_bytes())
    for place in random.integers(132, len(raw), 1 + seed % 6):
        raw[place] = random.integers(256)
    path.write_bytes(bytes(raw[: len(raw) if seed % 3 else int(random.integers(len(raw)))]))

    try:
        found = read_structure_set(path, PSEUDONYMS)
    except Unreadable:
        return
    assert all(one.volume_ml >= 0 and math.isfinite(one.volume_ml) for one in found.structures)
