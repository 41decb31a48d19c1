"""Volumes from DICOM segmentation objects: what highdicom wrote and what pydicom ships, counted exactly."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from studyscope_exporter.dicom.segmentation import read_segmentation
from studyscope_exporter.pseudonym import Pseudonyms
from written_segmentations import VOXEL_ML, balls, ct_slices, written

PSEUDONYMS = Pseudonyms(b"s" * 32)


def voxels(path: Path, voxel_ml: float = VOXEL_ML) -> dict[str, Any]:
    record = read_segmentation(path, PSEUDONYMS)
    return {found.structure: pytest.approx(found.volume_ml / voxel_ml, abs=1e-6) for found in record.structures}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("omit_empty_frames", [True, False])
def test_overlapping_binary_segments_whose_frames_end_inside_a_byte_are_counted_exactly(
    tmp_path: Path, syntax: str, omit_empty_frames: bool
) -> None:
    mask = balls(5, 7, 9, 3, seed=1)
    mask[2, ..., 1] = 0

    written(
        tmp_path / "s.dcm", mask, ["Liver", "Spleen", "Aorta"], transfer_syntax_uid=syntax, omit_empty_frames=omit_empty_frames
    )

    truth = mask.sum((0, 1, 2))
    assert voxels(tmp_path / "s.dcm") == {"liver": truth[0], "spleen": truth[1], "aorta": truth[2]}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 4), st.integers(3, 19), st.integers(3, 19), st.integers(0, 2**32))
def test_any_binary_mask_of_any_size_is_counted_exactly(tmp_path: Path, slices: int, rows: int, columns: int, seed: int) -> None:
    mask = balls(slices, rows, columns, 2, seed)
    mask[0, 0, 0] = 1

    written(tmp_path / "s.dcm", mask, ["a", "b"])

    truth = mask.sum((0, 1, 2))
    assert voxels(tmp_path / "s.dcm") == {"a": truth[0], "b": truth[1]}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEGLSLossless])
def test_a_probability_of_at_least_half_belongs_to_the_segment(tmp_path: Path, syntax: str) -> None:
    mask = np.random.default_rng(0).integers(0, 256, (3, 40, 48, 2)) / 255

    written(tmp_path / "s.dcm", mask, ["a", "b"], "FRACTIONAL", fractional_type="PROBABILITY", transfer_syntax_uid=syntax)

    truth = (mask >= 0.5).sum((0, 1, 2))
    assert voxels(tmp_path / "s.dcm") == {"a": truth[0], "b": truth[1]}


def test_occupancies_are_added_up(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1)) / 255

    written(tmp_path / "s.dcm", mask, ["a"], "FRACTIONAL", fractional_type="OCCUPANCY")

    assert voxels(tmp_path / "s.dcm") == {"a": mask.sum()}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEGLSLossless])
def test_a_label_map_segmentation_gives_each_label_and_no_background(tmp_path: Path, syntax: str) -> None:
    labels = np.random.default_rng(0).integers(0, 4, (3, 40, 33)).astype(np.uint8)

    written(tmp_path / "s.dcm", labels, ["a", "b", "c"], "LABELMAP", transfer_syntax_uid=syntax)

    truth = np.bincount(labels.ravel())
    assert voxels(tmp_path / "s.dcm") == {"a": truth[1], "b": truth[2], "c": truth[3]}


def encapsulated(path: Path, syntax: str, frames: list[bytes]) -> Path:
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    ds.save_as(path)
    return path


def test_frames_in_jpeg_2000_are_decoded(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 4, (3, 40, 33)).astype(np.uint8)
    written(tmp_path / "s.dcm", labels, ["a", "b", "c"], "LABELMAP")

    frames = []
    for plane in labels:
        Image.fromarray(plane).save(coded := io.BytesIO(), "JPEG2000", irreversible=False, no_jp2=True)
        frames.append(coded.getvalue())

    truth = np.bincount(labels.ravel())
    assert voxels(encapsulated(tmp_path / "s.dcm", JPEG2000Lossless, frames)) == {"a": truth[1], "b": truth[2], "c": truth[3]}


def test_frames_deflated_one_by_one_are_inflated(tmp_path: Path) -> None:
    mask = balls(3, 7, 9, 1, seed=1)
    mask[:, 0, 0] = 1  # no frame is empty, so that each has its plane
    written(tmp_path / "s.dcm", mask, ["a"])

    def deflated(plane: NDArray[np.uint8]) -> bytes:
        coder = zlib.compressobj(wbits=-15)
        return coder.compress(np.packbits(plane, bitorder="little").tobytes()) + coder.flush()

    frames = [deflated(plane) for plane in mask[..., 0]]
    # pydicom does not know this transfer syntax, so it is put in afterwards
    path = encapsulated(tmp_path / "s.dcm", JPEG2000Lossless, frames)
    path.write_bytes(path.read_bytes().replace(JPEG2000Lossless.encode(), b"1.2.840.10008.1.2.8.1\0", 1))
    assert voxels(path) == {"a": mask.sum()}


def test_a_declared_segment_without_a_voxel_is_there_and_empty(tmp_path: Path) -> None:
    mask = balls(3, 8, 8, 2, seed=3)
    mask[..., 1] = 0

    written(tmp_path / "s.dcm", mask, ["Liver", "Tumor"])

    assert voxels(tmp_path / "s.dcm") == {"liver": mask[..., 0].sum(), "tumor": 0.0}


def test_segments_of_one_name_are_one_structure_with_the_sum(tmp_path: Path) -> None:
    mask = balls(3, 8, 8, 2, seed=3)

    written(tmp_path / "s.dcm", mask, ["Lesion", " lesion "])

    assert voxels(tmp_path / "s.dcm") == {"lesion": mask.sum()}


def test_who_it_belongs_to_and_what_made_it(tmp_path: Path) -> None:
    source = ct_slices(2, 8, 8, patient_id="4711")

    segmentation = written(tmp_path / "s.dcm", balls(2, 8, 8, 1, seed=4), ["Liver"], source=source)
    record = read_segmentation(tmp_path / "s.dcm", PSEUDONYMS)

    assert record.segmentation_key == PSEUDONYMS.instance(segmentation.SOPInstanceUID)
    assert record.patient_key == PSEUDONYMS.patient("4711")
    assert record.study_key == PSEUDONYMS.study(source[0].StudyInstanceUID)
    assert record.image_series_key == PSEUDONYMS.series(source[0].SeriesInstanceUID)
    assert (record.algorithm, record.algorithm_version) == ("totalsegmentator", "2.4.0")
    assert (record.review_state, record.reading) == ("automatic", "")


@pytest.mark.parametrize(
    ("algorithm_type", "state"), [("AUTOMATIC", "automatic"), ("SEMIAUTOMATIC", "corrected"), ("MANUAL", "manual")]
)
def test_the_algorithm_type_says_whether_a_person_had_a_hand_in_it(tmp_path: Path, algorithm_type: str, state: str) -> None:
    written(tmp_path / "s.dcm", balls(2, 8, 8, 1, seed=4), ["Liver"], algorithm_type=algorithm_type)

    assert read_segmentation(tmp_path / "s.dcm", PSEUDONYMS).review_state == state


def test_a_segmentation_without_patient_id_is_not_linked(tmp_path: Path) -> None:
    written(tmp_path / "s.dcm", balls(2, 8, 8, 1, seed=4), ["Liver"], source=ct_slices(2, 8, 8, patient_id=""))

    assert read_segmentation(tmp_path / "s.dcm", PSEUDONYMS).patient_key is None


def changed(path: Path, change: Any, **how: Any) -> Path:
    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path, **how)
    return path


def pixel_measures(ds: Any) -> Any:
    return ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]


def test_without_spacing_between_slices_the_distance_of_the_planes_counts_and_not_their_thickness(tmp_path: Path) -> None:
    mask = balls(4, 8, 8, 1, seed=5)
    mask[1] = 0  # its frame is left out: the gap must not be taken for the distance
    written(tmp_path / "s.dcm", mask, ["Liver"])

    def without_spacing(ds: Any) -> None:
        pixel_measures(ds).pop("SpacingBetweenSlices", None)
        assert pixel_measures(ds).SliceThickness == 2.0

    assert voxels(changed(tmp_path / "s.dcm", without_spacing)) == {"liver": mask.sum()}


def test_a_single_plane_has_its_thickness(tmp_path: Path) -> None:
    mask = balls(1, 8, 8, 1, seed=5)
    written(tmp_path / "s.dcm", mask, ["Liver"])

    def without_spacing(ds: Any) -> None:
        pixel_measures(ds).pop("SpacingBetweenSlices", None)

    assert voxels(changed(tmp_path / "s.dcm", without_spacing), 0.8 * 0.7 * 2.0 / 1000) == {"liver": mask.sum()}


def test_pixel_measures_and_sequences_of_undefined_length_may_be_in_each_frame(tmp_path: Path) -> None:
    mask = balls(4, 9, 7, 2, seed=6)
    written(tmp_path / "s.dcm", mask, ["a", "b"])

    def moved(ds: Any) -> None:
        measures = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
        del ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
        for item in ds.PerFrameFunctionalGroupsSequence:
            item.PixelMeasuresSequence = measures
            item.is_undefined_length_sequence_item = True
        for element in ds:
            if element.VR == "SQ":
                element.is_undefined_length = True

    truth = mask.sum((0, 1, 2))
    assert voxels(changed(tmp_path / "s.dcm", moved)) == {"a": truth[0], "b": truth[1]}


def test_a_deflated_data_set_is_read(tmp_path: Path) -> None:
    mask = balls(4, 9, 7, 1, seed=6)
    written(tmp_path / "s.dcm", mask, ["a"])

    def deflated(ds: Any) -> None:
        ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian

    assert voxels(changed(tmp_path / "s.dcm", deflated)) == {"a": mask.sum()}


def test_big_endian_data_sets_are_read(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 3, (2, 9, 7)).astype(np.uint16)
    written(tmp_path / "s.dcm", labels, ["a", "b"], "LABELMAP")

    ds = pydicom.dcmread(tmp_path / "s.dcm")
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    _ = [item for sequence in ds if sequence.VR == "SQ" for item in sequence.value]  # parsed before it is written
    ds.PixelData = labels.astype(">u2").tobytes()
    ds.BitsAllocated = 16
    pydicom.dcmwrite(tmp_path / "s.dcm", ds, implicit_vr=False, little_endian=False, force_encoding=True)

    truth = np.bincount(labels.ravel())
    assert voxels(tmp_path / "s.dcm") == {"a": truth[1], "b": truth[2]}


def test_structure_names_are_decoded_lower_cased_and_cut(tmp_path: Path) -> None:
    written(tmp_path / "s.dcm", balls(2, 8, 8, 2, seed=4), ["a", "b"])

    def renamed(ds: Any) -> None:
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.SegmentSequence[0].SegmentLabel = "  Große   Leber "
        ds.SegmentSequence[1].SegmentLabel = "X" * 64

    names = list(voxels(changed(tmp_path / "s.dcm", renamed)))
    assert names == ["große leber", "x" * 64]


@pytest.mark.parametrize("name", ["liver.dcm", "liver_expb.dcm"])
def test_the_liver_of_pydicoms_data_has_the_volume_that_is_known_of_it(name: str) -> None:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip("the package pydicom-data is not installed")

    record = read_segmentation(Path(path), PSEUDONYMS)

    ((structure, volume_ml),) = [(found.structure, found.volume_ml) for found in record.structures]
    assert structure == "liver"
    assert volume_ml == pytest.approx(70.36193, abs=1e-5)
    assert volume_ml / (0.810547**2 / 1000) == pytest.approx(107_098)
    assert record.algorithm == "slicereditor"
    assert record.review_state == "corrected"


@pytest.mark.parametrize("name", ["liver_1frame.dcm", "liver_expb_1frame.dcm"])
def test_one_frame_of_more_described_frames_is_counted(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert path is not None

    assert voxels(Path(path), 0.810547**2 / 1000) == {"liver": 36_233}
