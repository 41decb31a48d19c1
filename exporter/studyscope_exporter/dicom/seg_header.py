"""What a segmentation object says about itself: whose it is, its segments, its frames (PS3.3 A.51, C.8.20)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import TEXT_VR_DELIMS

from studyscope_exporter.dicom.seg_elements import Range, first, items
from studyscope_exporter.dicom.seg_file import OpenedDataset
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

SPECIFIC_CHARACTER_SET = 0x00080005
SOP_INSTANCE_UID = 0x00080018
REFERENCED_SERIES_SEQUENCE = 0x00081115
PATIENT_ID = 0x00100020
ISSUER_OF_PATIENT_ID = 0x00100021
SOFTWARE_VERSIONS = 0x00181020
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
NUMBER_OF_FRAMES = 0x00280008
ROWS, COLUMNS = 0x00280010, 0x00280011
BITS_ALLOCATED, BITS_STORED = 0x00280100, 0x00280101
PIXEL_PADDING_VALUE = 0x00280120
SEGMENTATION_TYPE = 0x00620001
SEGMENT_SEQUENCE = 0x00620002
SEGMENT_NUMBER, SEGMENT_LABEL = 0x00620004, 0x00620005
SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE = 0x00620007
SEGMENT_ALGORITHM_TYPE, SEGMENT_ALGORITHM_NAME = 0x00620008, 0x00620009
MAXIMUM_FRACTIONAL_VALUE = 0x0062000E
SEGMENTATION_FRACTIONAL_TYPE = 0x00620010
ALGORITHM_VERSION = 0x00660031

_LONGEST_TEXT = 4096


@dataclass(frozen=True, slots=True)
class Segment:
    """One item of SegmentSequence (0062,0002)."""

    number: int
    label: str
    algorithm_type: str
    algorithm_name: str
    algorithm_version: str


@dataclass(frozen=True, slots=True)
class PixelDescription:
    """How voxels are stored; `segmentation_type` is BINARY, FRACTIONAL or LABELMAP."""

    segmentation_type: str
    fractional_type: str
    maximum: int  # MaximumFractionalValue; 1 for the other types
    rows: int
    columns: int
    frames: int
    bits_allocated: int
    bits_stored: int

    @property
    def frame_bits(self) -> int:
        return self.rows * self.columns * self.bits_allocated


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose segmentation of which series; "" where not stated, except the SOP Instance UID."""

    sop_instance_uid: str
    patient_id: str
    issuer: str
    study_instance_uid: str
    image_series_uid: str
    software_version: str


class Values:
    """Single values of a data set as text and numbers; text is decoded by its SpecificCharacterSet (0008,0005)."""

    def __init__(self, dataset: OpenedDataset) -> None:
        self.dataset = dataset
        stated = self._raw(dataset.values.get(SPECIFIC_CHARACTER_SET)).decode("ascii", "replace")
        try:
            self._encodings = convert_encodings([part.strip() for part in stated.split("\\")])
        except (LookupError, ValueError, UserWarning):
            self._encodings = ["latin_1"]

    def text(self, where: Range | None) -> str:
        """The first of the values there, without padding."""
        raw = self._raw(where)
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii").split("\\")[0].strip(" \0")
        try:
            decoded = decode_bytes(raw, self._encodings, TEXT_VR_DELIMS)
        except (LookupError, ValueError, UserWarning):
            decoded = raw.decode("latin_1")
        return decoded.split("\\")[0].strip(" \0")

    def number(self, where: Range | None, missing: int) -> int:
        """A US value."""
        raw = self._raw(where)
        return missing if len(raw) < 2 else int(struct.unpack_from(self.dataset.encoding.order + "H", raw)[0])

    def decimals(self, where: Range | None) -> tuple[float, ...]:
        """The values of a DS; none where one is no number."""
        try:
            return tuple(float(part) for part in self._raw(where).decode("ascii", "replace").split("\\") if part.strip(" \0"))
        except ValueError:
            return ()

    def top(self, tag: int) -> str:
        return self.text(self.dataset.values.get(tag))

    def at(self, within: Range, *path: int) -> Range | None:
        return first(self.dataset.head, within, self.dataset.encoding, *path)

    def items(self, sequence: Range | None) -> list[Range]:
        return [] if sequence is None else list(items(self.dataset.head, sequence, self.dataset.encoding))

    def _raw(self, where: Range | None) -> bytes:
        return b"" if where is None else self.dataset.head[where[0] : min(where[1], where[0] + _LONGEST_TEXT)]


def identity(values: Values) -> Identity:
    """Raises Unreadable where the object itself has no SOPInstanceUID (0008,0018)."""
    sop_instance_uid = values.top(SOP_INSTANCE_UID)
    if not sop_instance_uid:
        raise Unreadable(Reason.NO_IDENTITY)
    series = values.items(values.dataset.values.get(REFERENCED_SERIES_SEQUENCE))
    return Identity(
        sop_instance_uid=sop_instance_uid,
        patient_id=values.top(PATIENT_ID),
        issuer=values.top(ISSUER_OF_PATIENT_ID),
        study_instance_uid=values.top(STUDY_INSTANCE_UID),
        image_series_uid=values.text(values.at(series[0], SERIES_INSTANCE_UID)) if series else "",
        software_version=values.top(SOFTWARE_VERSIONS),
    )


def segments(values: Values) -> tuple[Segment, ...]:
    """The segments, without the background that a label map may describe (PixelPaddingValue, else number 0)."""
    found = []
    for item in values.items(values.dataset.values.get(SEGMENT_SEQUENCE)):
        version = values.at(item, SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, ALGORITHM_VERSION)
        found.append(
            Segment(
                number=values.number(values.at(item, SEGMENT_NUMBER), 0),
                label=values.text(values.at(item, SEGMENT_LABEL)),
                algorithm_type=values.text(values.at(item, SEGMENT_ALGORITHM_TYPE)),
                algorithm_name=values.text(values.at(item, SEGMENT_ALGORITHM_NAME)),
                algorithm_version=values.text(version),
            )
        )
    background = {0, values.number(values.dataset.values.get(PIXEL_PADDING_VALUE), 0)}
    return tuple(segment for segment in found if segment.number not in background)


def pixel_description(values: Values) -> PixelDescription:
    """Raises Unreadable where the object is no segmentation or its frames have no size."""
    where = values.dataset.values
    kind = values.top(SEGMENTATION_TYPE)
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise Unreadable(Reason.UNSUPPORTED)
    stated_frames = values.top(NUMBER_OF_FRAMES)
    description = PixelDescription(
        segmentation_type=kind,
        fractional_type=values.top(SEGMENTATION_FRACTIONAL_TYPE),
        maximum=values.number(where.get(MAXIMUM_FRACTIONAL_VALUE), 255) if kind == "FRACTIONAL" else 1,
        rows=values.number(where.get(ROWS), 0),
        columns=values.number(where.get(COLUMNS), 0),
        frames=int(stated_frames) if stated_frames.isdecimal() and len(stated_frames) < 12 else 1,
        bits_allocated=values.number(where.get(BITS_ALLOCATED), 0),
        bits_stored=values.number(where.get(BITS_STORED), 0),
    )
    allowed = (1,) if kind == "BINARY" else (8, 16)
    if not description.frame_bits or not description.maximum or description.bits_allocated not in (1, *allowed):
        raise Unreadable(Reason.MALFORMED)
    return description
