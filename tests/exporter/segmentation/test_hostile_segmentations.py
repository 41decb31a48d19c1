"""Segmentation objects that are cut, damaged or made to harm: a reason comes back, never a crash or a wrong number."""

from __future__ import annotations

import random
import resource
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from studyscope_exporter.dicom.segmentation import read_segmentation
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.pseudonym import Pseudonyms
from written_segmentations import balls, written

CUT = {Reason.TRUNCATED, Reason.NOT_DICOM, Reason.NO_IDENTITY, Reason.UNSUPPORTED, Reason.MALFORMED}
PSEUDONYMS = Pseudonyms(b"s" * 32)


@pytest.fixture
def segmentation(tmp_path: Path) -> Path:
    written(tmp_path / "s.dcm", balls(4, 16, 16, 2, seed=1), ["Liver", "Spleen"])
    return tmp_path / "s.dcm"


def reason(path: Path) -> Reason:
    with pytest.raises(Unreadable) as caught:
        read_segmentation(path, PSEUDONYMS)
    return caught.value.reason


def test_a_file_cut_anywhere_gives_a_reason(segmentation: Path) -> None:
    whole = segmentation.read_bytes()
    for size in [*range(0, 400, 13), *range(400, len(whole), 97), len(whole) - 2]:
        segmentation.write_bytes(whole[:size])

        assert reason(segmentation) in {
            Reason.TRUNCATED,
            Reason.NOT_DICOM,
            Reason.NO_IDENTITY,
            Reason.UNSUPPORTED,
            Reason.MALFORMED,
        }


def test_flipped_bytes_give_a_record_or_a_reason_and_nothing_else(segmentation: Path) -> None:
    whole = segmentation.read_bytes()
    chance = random.Random(1)
    outcomes = set()
    for _ in range(1500):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 4, 30))):
            damaged[chance.randrange(130, len(damaged))] = chance.randrange(256)
        segmentation.write_bytes(damaged)
        try:
            outcomes.add(type(read_segmentation(segmentation, PSEUDONYMS)).__name__)
        except Unreadable as error:
            outcomes.add(error.reason)
    assert {"Segmentation", Reason.MALFORMED, Reason.TRUNCATED} <= outcomes


def test_more_frames_than_the_file_holds_is_truncated_and_costs_no_memory(segmentation: Path) -> None:
    ds = pydicom.dcmread(segmentation)
    ds.NumberOfFrames = 2_000_000_000
    del ds.PerFrameFunctionalGroupsSequence
    del ds.SegmentSequence[1]
    ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 1
    ds.save_as(segmentation)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert reason(segmentation) is Reason.TRUNCATED
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_deep_nesting_is_malformed(segmentation: Path) -> None:
    ds = pydicom.dcmread(segmentation)
    inner = Dataset()
    for _ in range(200):
        outer = Dataset()
        outer.ReferencedSeriesSequence = [inner]
        outer["ReferencedSeriesSequence"].is_undefined_length = True
        inner.is_undefined_length_sequence_item = True
        inner = outer
    ds.ReferencedSeriesSequence = [inner]
    ds["ReferencedSeriesSequence"].is_undefined_length = True
    ds.save_as(segmentation)

    assert reason(segmentation) is Reason.MALFORMED


def test_an_image_is_no_segmentation() -> None:
    path = get_testdata_file("CT_small.dcm", download=False)
    assert path is not None

    assert reason(Path(path)) is Reason.UNSUPPORTED


def test_no_voxel_size_is_no_volume(segmentation: Path) -> None:
    ds = pydicom.dcmread(segmentation)
    del ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    ds.save_as(segmentation)

    assert reason(segmentation) is Reason.MALFORMED


def test_a_frame_of_a_segment_that_is_not_declared_is_malformed(segmentation: Path) -> None:
    ds = pydicom.dcmread(segmentation)
    ds.PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 9
    ds.save_as(segmentation)

    assert reason(segmentation) is Reason.MALFORMED


def test_no_instance_uid_is_no_identity(segmentation: Path) -> None:
    ds = pydicom.dcmread(segmentation)
    ds.SOPInstanceUID = ""
    ds.save_as(segmentation, enforce_file_format=False)

    assert reason(segmentation) is Reason.NO_IDENTITY


def test_a_file_that_is_gone_or_closed_to_us_says_so(tmp_path: Path) -> None:
    assert reason(tmp_path / "gone.dcm") is Reason.VANISHED
