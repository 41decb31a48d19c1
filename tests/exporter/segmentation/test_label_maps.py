"""Label maps: counted as nibabel wrote them, in every type and byte order; hostile files give a reason."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from registry_files import totalsegmentator_results
from studyscope_exporter.nifti import errors
from studyscope_exporter.nifti.errors import UnreadableLabelMap
from studyscope_exporter.nifti.label_map import read_label_map
from studyscope_exporter.nifti.label_names import BadLabelTable, named_labels, read_dataset_json

AFFINE = np.diag([0.8, 0.7, 2.5, 1.0])
VOXEL_ML = 0.8 * 0.7 * 2.5 / 1000
TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def written(path: Path, labels: NDArray[Any], order: Literal["<", ">"] = "<", image: Any = nib.Nifti1Image) -> Path:
    header = image.header_class(endianness=order)
    header.set_data_dtype(labels.dtype.newbyteorder(order))
    nib.save(image(labels, AFFINE, header), path)
    return path


def labels_of(seed: int = 0, shape: tuple[int, ...] = (31, 17, 13), most: int = 9) -> NDArray[np.int64]:
    random = np.random.default_rng(seed)
    return random.integers(1, most, shape) * (random.random(shape) < 0.3)


def truth(labels: NDArray[Any]) -> dict[int, int]:
    values, counts = np.unique(labels, return_counts=True)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True) if value}


def reason(path: Path) -> str:
    with pytest.raises(UnreadableLabelMap) as caught:
        read_label_map(path)
    assert caught.value.reason in errors.REASONS
    return caught.value.reason


@pytest.mark.parametrize("image", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_every_type_order_and_version_is_counted_exactly(
    tmp_path: Path, name: str, dtype: str, order: Literal["<", ">"], image: Any
) -> None:
    labels = labels_of().astype(dtype)

    label_map = read_label_map(written(tmp_path / name, labels, order, image))

    assert label_map.voxels == truth(labels)
    assert label_map.voxel_ml == pytest.approx(VOXEL_ML)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 300)),
    st.integers(0, 2**32),
    st.sampled_from(["u1", "i2", "i4"]),
)
def test_any_volume_is_counted_exactly(tmp_path: Path, shape: tuple[int, int, int], seed: int, dtype: str) -> None:
    labels = labels_of(seed, shape, most=100).astype(dtype)

    assert read_label_map(written(tmp_path / "a.nii", labels)).voxels == truth(labels)


def test_labels_beyond_the_table_are_counted_too(tmp_path: Path) -> None:
    labels = labels_of().astype("i4")
    labels[0, 0, 0], labels[1, 1, 1], labels[2, 2, 2] = 65_535, 65_536, 2**31 - 1

    assert read_label_map(written(tmp_path / "a.nii.gz", labels)).voxels == truth(labels)


def with_header(path: Path, offset: int, fmt: str, *values: float) -> Path:
    raw = bytearray(path.read_bytes())
    struct.pack_into(fmt, raw, offset, *values)
    path.write_bytes(raw)
    return path


def test_a_slope_that_gives_whole_numbers_is_honoured(tmp_path: Path) -> None:
    path = with_header(written(tmp_path / "a.nii", labels_of().astype("u1")), 112, "<2f", 2.0, 4.0)

    expected = truth(labels_of() * 2 + 4)
    assert read_label_map(path).voxels == expected


def test_a_slope_that_gives_fractions_is_no_label_map(tmp_path: Path) -> None:
    assert reason(with_header(written(tmp_path / "a.nii", labels_of().astype("u1")), 112, "<2f", 0.5, 0.0)) == errors.NOT_LABELS


@pytest.mark.parametrize("slope", [0.0, float("nan")])
def test_no_slope_means_as_stored(tmp_path: Path, slope: float) -> None:
    path = with_header(written(tmp_path / "a.nii", labels_of().astype("u1")), 112, "<2f", slope, 7.0)

    assert read_label_map(path).voxels == truth(labels_of())


def test_without_pixdim_the_affine_gives_the_voxel(tmp_path: Path) -> None:
    path = with_header(written(tmp_path / "a.nii", labels_of().astype("u1")), 80, "<3f", 0.0, 0.0, 0.0)

    assert read_label_map(path).voxel_ml == pytest.approx(VOXEL_ML)


def test_units_of_the_header_count(tmp_path: Path) -> None:
    path = with_header(written(tmp_path / "a.nii", labels_of().astype("u1")), 123, "<B", 3)  # micrometres

    assert read_label_map(path).voxel_ml == pytest.approx(VOXEL_ML * 1e-9)


def test_no_voxel_size_at_all_is_said(tmp_path: Path) -> None:
    path = with_header(written(tmp_path / "a.nii", labels_of().astype("u1")), 80, "<3f", 0.0, 1.0, 1.0)
    with_header(path, 254, "<h", 0)

    assert reason(path) == errors.NO_VOXEL_SIZE


@pytest.mark.parametrize(
    ("value", "why"),
    [(np.nan, errors.NOT_LABELS), (np.inf, errors.NOT_LABELS), (0.5, errors.NOT_LABELS), (-1.0, errors.NEGATIVE_LABELS)],
)
def test_floats_that_are_no_labels_are_refused(tmp_path: Path, value: float, why: str) -> None:
    labels = labels_of().astype("f4")
    labels[5, 5, 5] = value

    assert reason(written(tmp_path / "a.nii.gz", labels)) == why


def test_several_volumes_are_no_label_map(tmp_path: Path) -> None:
    assert reason(written(tmp_path / "a.nii", labels_of(shape=(4, 4, 4, 2)).astype("u1"))) == errors.SEVERAL_VOLUMES


def test_a_gzip_file_cut_anywhere_is_truncated(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.nii.gz", labels_of().astype("u1")).read_bytes()
    cut = tmp_path / "cut.nii.gz"
    for size in range(20, len(whole) - 8, 61):
        cut.write_bytes(whole[:size])

        assert reason(cut) == errors.TRUNCATED


def test_a_damaged_gzip_file_never_gives_a_wrong_number(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.nii.gz", labels_of().astype("u1")).read_bytes()
    right = truth(labels_of())
    random = np.random.default_rng(3)
    damaged_path = tmp_path / "damaged.nii.gz"
    outcomes = set()
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[int(random.integers(20, len(damaged)))] ^= 1 << int(random.integers(8))
        damaged_path.write_bytes(damaged)
        try:
            assert read_label_map(damaged_path).voxels == right
        except UnreadableLabelMap as error:
            outcomes.add(error.reason)
    assert errors.DAMAGED in outcomes


@pytest.mark.parametrize(
    ("dims", "why"),
    [
        ((3, 32767, 32767, 32767), errors.TOO_LARGE),
        ((3, -1, 5, 5), errors.IMPOSSIBLE_SIZE),
        ((3, 0, 5, 5), errors.IMPOSSIBLE_SIZE),
        ((9, 5, 5, 5), errors.IMPOSSIBLE_SIZE),
        ((3, 31, 17, 14), errors.TRUNCATED),
        ((3, 1000, 1000, 1000), errors.TRUNCATED),
    ],
)
def test_sizes_that_are_wrong_give_a_reason(tmp_path: Path, dims: tuple[int, ...], why: str) -> None:
    path = with_header(written(tmp_path / "a.nii", labels_of().astype("u1")), 40, "<4h", *dims)

    assert reason(path) == why


def test_a_gzip_bomb_is_inflated_no_further_than_its_header_says(tmp_path: Path) -> None:
    small = written(tmp_path / "a.nii", labels_of().astype("u1")).read_bytes()
    bomb = tmp_path / "bomb.nii.gz"
    with gzip.open(bomb, "wb", compresslevel=9) as file:
        file.write(small)
        for _ in range(64):
            file.write(bytes(1 << 20))

    assert read_label_map(bomb).voxels == truth(labels_of())


def test_files_that_are_something_else_say_what(tmp_path: Path) -> None:
    for content, why in [(b"", errors.TRUNCATED), (b"not an image at all", errors.NOT_NIFTI), (b"\x1f\x8b", errors.TRUNCATED)]:
        (tmp_path / "a.nii.gz").write_bytes(content)
        assert reason(tmp_path / "a.nii.gz") == why
    assert reason(tmp_path / "gone.nii") == errors.VANISHED
    pair = written(tmp_path / "a.nii", labels_of().astype("u1"))
    pair.write_bytes(pair.read_bytes().replace(b"n+1\0", b"ni1\0"))
    assert reason(pair) == errors.HEADER_ONLY


@pytest.mark.parametrize(
    "table", [{"0": "background", "1": "Liver", "2": "Tumor"}, {"background": 0, "Liver": 1, "Tumor": 2, "ignore": 3}]
)
def test_both_forms_of_dataset_json_name_labels(tmp_path: Path, table: dict[str, Any]) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": table}))

    names = read_dataset_json(tmp_path / "dataset.json")

    assert names.structures == (("liver", (1,)), ("tumor", (2,)))


def test_a_region_has_the_volume_of_all_its_labels() -> None:
    names = named_labels({"background": 0, "whole": [1, 2], "core": [2]})

    found = {volume.structure: volume.volume_ml for volume in names.volumes({1: 10, 2: 5, 7: 1}, 0.1)}

    assert found == {"whole": pytest.approx(1.5), "core": pytest.approx(0.5), "label 7": pytest.approx(0.1)}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"labels": []}', '{"labels": {"liver": "x"}}', '{"labels": {"liver": -1}}', "[" * 100_000]
)
def test_a_dataset_json_that_names_nothing_is_said_to(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_text(text)

    with pytest.raises(BadLabelTable):
        read_dataset_json(tmp_path / "dataset.json")


def test_an_extension_with_entities_is_not_parsed(tmp_path: Path) -> None:
    image: Any = nib.Nifti1Image(labels_of().astype("u1"), AFFINE)  # type: ignore[no-untyped-call]
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><CaretExtension><Label Key="1">&b;</Label></CaretExtension>'
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", bomb))
    nib.save(image, tmp_path / "a.nii")

    assert not read_label_map(tmp_path / "a.nii").names


def test_totalsegmentators_own_volumes_come_out_for_all_its_structures() -> None:
    folder = totalsegmentator_results() / "example_seg_fast"
    statistics = json.loads((folder / "statistics.json").read_text())

    ours = {}
    for structure in statistics:
        label_map = read_label_map(folder / f"{structure}.nii.gz")
        ours[structure] = sum(label_map.voxels.values()) * label_map.voxel_ml * 1000

    assert len(ours) == 117
    assert ours == {structure: pytest.approx(stated["volume"]) for structure, stated in statistics.items()}


def test_the_names_in_totalsegmentators_header_extension_are_used() -> None:
    path = totalsegmentator_results() / "example_seg.nii.gz"

    label_map = read_label_map(path)
    volumes = {found.structure: found.volume_ml for found in label_map.names.volumes(label_map.voxels, label_map.voxel_ml)}

    image: Any = nib.load(path)
    data = np.asarray(image.dataobj)
    assert len(volumes) == 117
    assert sum(volume > 0 for volume in volumes.values()) == len(truth(data)) == 41
    assert volumes["spleen"] == pytest.approx((data == 1).sum() * 0.027)
