"""Files that the header reader does not understand, read by pydicom within bounds."""

from __future__ import annotations

import io
import struct

from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from studyscope_exporter.dicom.content import Content
from studyscope_exporter.dicom.encoding import DEFLATED
from studyscope_exporter.dicom.quiet import quiet_pydicom
from studyscope_exporter.dicom.tags import WANTED
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

_MOST_BYTES = 1024 * 1024
_LONGEST_VALUE = 0xFFFF
_TAGS = [tag for _, tag, _ in WANTED]
_CANNOT = (
    BytesLengthException,
    InvalidDicomError,
    EOFError,
    OSError,
    struct.error,
    RecursionError,
    NotImplementedError,
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,
)


def values_by_pydicom(content: Content) -> list[bytes | None]:
    """The wanted values of a whole file, as raw bytes. Raises Unreadable."""
    begin = content.read(0, _MOST_BYTES)
    # pydicom inflates without bound.
    if DEFLATED in begin:
        raise Unreadable(Reason.MALFORMED)
    try:
        with quiet_pydicom():
            found = dcmread(io.BytesIO(begin), stop_before_pixels=True, force=True, specific_tags=list(_TAGS))
            return _values(found, begin)
    except _CANNOT:
        raise Unreadable(_why(begin)) from None


def values_of_inflated(content: Content) -> list[bytes | None]:
    """The same for the data set of a deflated file. Raises Unreadable."""
    begin = content.read(0, _MOST_BYTES)
    try:
        with quiet_pydicom():
            found = read_dataset(
                io.BytesIO(begin), is_implicit_VR=False, is_little_endian=True, stop_when=_at_pixels, specific_tags=list(_TAGS)
            )
            return _values(found, begin)
    except _CANNOT:
        raise Unreadable(Reason.MALFORMED) from None


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:  # noqa: ARG001 - as pydicom calls it
    return int(tag) >= 0x7FE0_0008


def _values(found: Dataset, begin: bytes) -> list[bytes | None]:
    values = [_raw(found, tag) for tag in _TAGS]
    if not any(values):
        raise Unreadable(_why(begin))
    if any(len(value) > _LONGEST_VALUE for value in values if value):
        raise Unreadable(Reason.MALFORMED)
    return values


def _raw(found: Dataset, tag: int) -> bytes | None:
    if tag not in found:
        return None
    element = found.get_item(tag)
    value = element.value
    if isinstance(element, RawDataElement):
        return value or b""
    texts = [str(value)] if isinstance(value, str) or not hasattr(value, "__iter__") else [str(text) for text in value]
    return b"" if value is None else "\\".join(texts).encode("utf-8")


def _why(begin: bytes) -> Reason:
    if not begin.startswith(b"DICM", 128):
        return Reason.NOT_DICOM
    return Reason.MALFORMED if len(begin) < _MOST_BYTES else Reason.TOO_LARGE
