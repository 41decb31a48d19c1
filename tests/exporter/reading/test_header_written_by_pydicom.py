"""Data sets of every shape and encoding, written by pydicom, and what damage to them may do."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from studyscope_exporter.dicom.header import Header, HeaderReader, Reason, Unreadable, read_header

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian]
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
text = st.text(st.characters(codec="latin-1", exclude_characters="\\", exclude_categories=["Cc"]), max_size=20).map(str.strip)


def write(path: Path, data_set: Dataset, syntax: str, *, preamble: bool = True) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = syntax
    data_set.file_meta = meta
    if preamble:
        data_set.save_as(path, enforce_file_format=True)
    else:
        del data_set.file_meta
        data_set.save_as(path, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian)
    return path


def image(number: int = 1, patient: str = "P1", extra: int = 0) -> Dataset:
    found = Dataset()
    found.SpecificCharacterSet = "ISO_IR 100"
    found.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    found.SOPInstanceUID = f"1.2.3.{number}"
    found.Modality = "MR"
    found.PatientID = patient
    found.StudyInstanceUID = "1.2"
    found.SeriesInstanceUID = "1.2.1"
    found.InstanceNumber = number
    found.PixelSpacing = [0.5, 0.25]
    if extra:
        block = found.private_block(0x0009, "BLOB", create=True)
        block.add_new(1, "OB", os.urandom(extra))
    found.Rows, found.Columns, found.BitsAllocated, found.BitsStored, found.HighBit = 2, 2, 16, 16, 15
    found.PixelRepresentation, found.SamplesPerPixel, found.PhotometricInterpretation = 0, 1, "MONOCHROME2"
    found.PixelData = bytes(8)
    return found


@st.composite
def nested(draw: st.DrawFn, depth: int = 3) -> Sequence:
    items = []
    for _ in range(draw(st.integers(0, 3))):
        item = Dataset()
        item.is_undefined_length_sequence_item = draw(st.booleans())
        item.CodeValue = draw(st.text("ABC123", max_size=12))
        item.PatientID = "not the patient of the image"
        if depth and draw(st.booleans()):
            item.ConceptNameCodeSequence = draw(nested(depth=depth - 1))
        items.append(item)
    return Sequence(items)


def with_sequence(data_set: Dataset, keyword: str, items: Sequence, undefined: bool) -> None:
    setattr(data_set, keyword, items)
    data_set[keyword].is_undefined_length = undefined


@quick
@given(patient=text, series=text, items=st.tuples(nested(), nested()), undefined=st.booleans(), syntax=st.sampled_from(SYNTAXES))
def test_values_behind_nested_sequences_are_found_in_every_encoding(
    tmp_path: Path, patient: str, series: str, items: tuple[Sequence, Sequence], undefined: bool, syntax: str
) -> None:
    data_set = image(patient=patient)
    data_set.SeriesDescription = series
    with_sequence(data_set, "ReferencedStudySequence", items[0], undefined)
    with_sequence(data_set, "RequestAttributesSequence", items[1], undefined)
    header = read_header(write(tmp_path / "x.dcm", data_set, syntax))
    assert header.text("PatientID") == patient
    assert header.text("SeriesDescription") == series
    assert header.text("SeriesInstanceUID") == "1.2.1"
    assert header.text("PixelSpacing") == "0.5\\0.25"


@quick
@given(
    files=st.lists(st.tuples(st.sampled_from(["P1", "P2", "P123456"]), st.integers(1, 12), nested(1), st.booleans()), max_size=6),
    syntax=st.sampled_from(SYNTAXES),
)
def test_what_was_learnt_from_other_files_never_changes_a_value(
    tmp_path: Path, files: list[tuple[str, int, Sequence, bool]], syntax: str
) -> None:
    reader = HeaderReader()
    for patient, number, items, undefined in files:
        data_set = image(10**number, patient)
        with_sequence(data_set, "ReferencedStudySequence", items, undefined)
        header = reader.read(write(tmp_path / "x.dcm", data_set, syntax))
        assert (header.text("PatientID"), header.text("SOPInstanceUID")) == (patient, f"1.2.3.{10**number}")
        assert header.text("SeriesInstanceUID") == "1.2.1"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_file_without_preamble_and_file_meta_is_read(tmp_path: Path, syntax: str) -> None:
    data_set = image()
    header = read_header(write(tmp_path / "bare", data_set, syntax, preamble=False))
    assert header.text("PatientID") == "P1"


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("size", [16_000, 16_200, 70_000, 3_000_000])
def test_a_private_block_of_any_size_before_the_patient_is_stepped_over(tmp_path: Path, syntax: str, size: int) -> None:
    reader = HeaderReader()
    for number in (1, 2):
        header = reader.read(write(tmp_path / "x.dcm", image(number, extra=size), syntax))
        assert (header.text("SOPInstanceUID"), header.text("PatientID")) == (f"1.2.3.{number}", "P1")


def test_a_value_across_the_end_of_the_first_read_is_whole(tmp_path: Path) -> None:
    for size in range(15_700, 16_300, 14):
        header = read_header(write(tmp_path / "x.dcm", image(extra=size), ExplicitVRLittleEndian))
        assert header.text("PatientID") == "P1"


def test_names_in_other_character_sets_are_decoded(tmp_path: Path) -> None:
    data_set = image(patient="患者")
    data_set.SpecificCharacterSet = "ISO_IR 192"
    assert read_header(write(tmp_path / "x.dcm", data_set, ExplicitVRLittleEndian)).text("PatientID") == "患者"


def test_elements_out_of_order_are_left_to_pydicom(tmp_path: Path) -> None:
    whole = write(tmp_path / "x.dcm", image(), ExplicitVRLittleEndian).read_bytes()
    at = whole.index(b"\x10\x00\x20\x00LO")
    moved = whole[:at] + whole[at + 10 :]
    pixels = moved.index(b"\x28\x00\x30\x00DS")
    (tmp_path / "y.dcm").write_bytes(moved[:pixels] + whole[at : at + 10] + moved[pixels:])
    header = read_header(tmp_path / "y.dcm")
    assert (header.text("PatientID"), header.text("PixelSpacing")) == ("P1", "0.5\\0.25")


def tried(path: Path) -> Header | Reason:
    try:
        return read_header(path)
    except Unreadable as error:
        return error.reason


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_file_cut_anywhere_is_read_or_has_a_reason(tmp_path: Path, syntax: str) -> None:
    whole = write(tmp_path / "x.dcm", image(), syntax).read_bytes()
    reasons = set()
    for size in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:size])
        found = tried(tmp_path / "cut")
        if isinstance(found, Reason):
            reasons.add(found)
    assert Reason.TRUNCATED in reasons
    assert reasons <= {Reason.TRUNCATED, Reason.NOT_DICOM, Reason.MALFORMED}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_neither_stop_nor_hang_the_reader(tmp_path: Path, data: st.DataObject) -> None:
    data_set = image()
    with_sequence(data_set, "ReferencedStudySequence", data.draw(nested()), True)
    damaged = bytearray(write(tmp_path / "x.dcm", data_set, data.draw(st.sampled_from(SYNTAXES))).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(128, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "y.dcm").write_bytes(damaged)
    assert isinstance(tried(tmp_path / "y.dcm"), (Header, Reason))


def test_a_hundred_thousand_nested_sequences_are_refused_at_once(tmp_path: Path) -> None:
    whole = write(tmp_path / "x.dcm", image(), ExplicitVRLittleEndian).read_bytes()
    at = whole.index(b"\x08\x00\x60\x00CS")
    level = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    (tmp_path / "deep.dcm").write_bytes(whole[:at] + level * 100_000)
    assert tried(tmp_path / "deep.dcm") in (Reason.MALFORMED, Reason.TOO_LARGE)


def test_a_deflated_bomb_is_inflated_only_as_far_as_it_is_read(tmp_path: Path) -> None:
    whole = write(tmp_path / "x.dcm", image(), DeflatedExplicitVRLittleEndian).read_bytes()
    begin = whole.index(b"1.2.840.10008.1.2.1.99") + 22
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflate.compress(b"\x08\x00\x05\x00UT\0\0\xf0\xff\xff\x7f" + bytes(200_000_000)) + deflate.flush()
    (tmp_path / "bomb.dcm").write_bytes(whole[:begin] + bomb)
    tracemalloc.start()
    found = tried(tmp_path / "bomb.dcm")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is Reason.MALFORMED
    assert peak < 20_000_000


def test_a_folder_a_pipe_and_a_file_that_is_gone_have_their_reasons(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert tried(tmp_path / "gone.dcm") is Reason.VANISHED
    assert tried(tmp_path / "pipe") is Reason.IO_ERROR
    assert tried(tmp_path) is Reason.IO_ERROR
    (tmp_path / "text").write_text("A letter that begins with no header at all. " * 40)
    assert tried(tmp_path / "text") is Reason.NOT_DICOM
    (tmp_path / "empty").write_bytes(b"")
    assert tried(tmp_path / "empty") is Reason.NOT_DICOM


def test_nothing_that_pydicom_says_of_a_file_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = write(tmp_path / "x.dcm", image(patient="MUSTERMANN"), ExplicitVRLittleEndian).read_bytes()
    at = whole.index(b"\x08\x00\x18\x00UI")
    (tmp_path / "y.dcm").write_bytes(whole[:at] + b"\x08\x00\x18\x00??\x0a\x00MUSTERMANN" + whole[at:])
    tried(tmp_path / "y.dcm")
    assert caplog.text == ""
