"""The regions of an RT structure set and their contours (PS3.3 C.8.8.5, C.8.8.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studyscope_exporter.dicom.seg_elements import Range, elements, items
from studyscope_exporter.dicom.seg_header import Values
from studyscope_exporter.dicom.unreadable import Reason, Unreadable

REFERENCED_FRAME_OF_REFERENCE_SEQUENCE = 0x30060010
RT_REFERENCED_STUDY_SEQUENCE, RT_REFERENCED_SERIES_SEQUENCE = 0x30060012, 0x30060014
SERIES_INSTANCE_UID = 0x0020000E
STRUCTURE_SET_ROI_SEQUENCE = 0x30060020
ROI_NUMBER, ROI_NAME, ROI_GENERATION_ALGORITHM = 0x30060022, 0x30060026, 0x30060036
ROI_CONTOUR_SEQUENCE, REFERENCED_ROI_NUMBER = 0x30060039, 0x30060084
CONTOUR_SEQUENCE = 0x30060040
CONTOUR_GEOMETRIC_TYPE, CONTOUR_SLAB_THICKNESS, CONTOUR_DATA = 0x30060042, 0x30060044, 0x30060050

_CLOSED = (b"CLOSED_PLANAR", b"CLOSEDPLANAR_XOR")
MOST_REGIONS = 10_000


@dataclass(frozen=True)
class Contours:
    """Closed contours of one region: all points in mm (PS3.3 C.8.8.6.1), and where each contour begins."""

    points: NDArray[np.float64]  # (points, 3)
    begins: NDArray[np.intp]


@dataclass(frozen=True)
class Region:
    """One ROI. `slab_mm` is ContourSlabThickness of its first contour, None where none is stated."""

    number: int
    name: str
    algorithm_type: str
    slab_mm: float | None
    contours: Contours
    encloses_nothing: bool  # points or open lines only


def image_series_uid(values: Values) -> str:
    """The series that was contoured, "" where none is stated."""
    frames = values.items(values.dataset.values.get(REFERENCED_FRAME_OF_REFERENCE_SEQUENCE))
    path = (RT_REFERENCED_STUDY_SEQUENCE, RT_REFERENCED_SERIES_SEQUENCE, SERIES_INSTANCE_UID)
    return next((uid for frame in frames if (uid := values.text(values.at(frame, *path)))), "")


def read_regions(values: Values) -> list[Region]:
    """Every region that is declared, in order; raises Unreadable where there is none or contours are no numbers."""
    declared = values.items(values.dataset.values.get(STRUCTURE_SET_ROI_SEQUENCE))
    if not declared or len(declared) > MOST_REGIONS:
        raise Unreadable(Reason.MALFORMED)
    drawn: dict[int, list[Range]] = {}
    for item in values.items(values.dataset.values.get(ROI_CONTOUR_SEQUENCE)):
        where = dict(elements(values.dataset.head, item, values.dataset.encoding))
        sequence = where.get(CONTOUR_SEQUENCE)
        if sequence is not None:
            drawn.setdefault(_integer(values, where.get(REFERENCED_ROI_NUMBER)), []).append(sequence)
    regions = []
    for item in declared:
        where = dict(elements(values.dataset.head, item, values.dataset.encoding))
        number = _integer(values, where.get(ROI_NUMBER))
        name, made = values.text(where.get(ROI_NAME)), values.text(where.get(ROI_GENERATION_ALGORITHM))
        regions.append(_region(values, number, name, made, drawn.pop(number, [])))
    return regions


def _region(values: Values, number: int, name: str, algorithm_type: str, drawn: Sequence[Range]) -> Region:
    head, closed, others, slab_mm = values.dataset.head, list[bytes](), 0, None
    for contour in _contours(values, drawn):
        begin, end = contour.get(CONTOUR_GEOMETRIC_TYPE, (0, 0))
        if head[begin:end].strip(b" \0") not in _CLOSED:
            others += 1
            continue
        if not closed:
            stated = values.decimals(contour.get(CONTOUR_SLAB_THICKNESS))
            slab_mm = stated[0] if stated and 0 < stated[0] < np.inf else None
        begin, end = contour.get(CONTOUR_DATA, (0, 0))
        closed.append(head[begin:end])
    return Region(number, name, algorithm_type, slab_mm, _parsed(closed), bool(others and not closed))


def _contours(values: Values, drawn: Sequence[Range]) -> Iterator[dict[int, Range]]:
    head, encoding = values.dataset.head, values.dataset.encoding
    for sequence in drawn:
        for item in items(head, sequence, encoding):
            yield dict(elements(head, item, encoding))


def _parsed(raw: Sequence[bytes]) -> Contours:
    """ContourData (DS) of all contours at once: one parse of many numbers costs far less than many of few."""
    counts = np.array([one.count(b"\\") + 1 for one in raw], np.intp)
    if (counts % 3).any():
        raise Unreadable(Reason.MALFORMED)
    try:
        numbers = np.array(list(map(float, b"\\".join(raw).replace(b"\0", b" ").split(b"\\"))) if raw else [], np.float64)
    except ValueError:
        raise Unreadable(Reason.MALFORMED) from None
    if not np.isfinite(numbers).all():
        raise Unreadable(Reason.MALFORMED)
    ends = np.cumsum(counts // 3)
    return Contours(numbers.reshape(-1, 3), np.concatenate([np.zeros(1, np.intp), ends])[:-1].astype(np.intp))


def _integer(values: Values, where: Range | None) -> int:
    """An IS value; raises Unreadable where it is none, as nothing then tells the region from others."""
    text = values.text(where)
    if not text.lstrip("+-").isdecimal() or len(text) > 12:
        raise Unreadable(Reason.MALFORMED)
    return int(text)
