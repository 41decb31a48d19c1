"""DICOM files as readings for the inventory: what an executor runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studyscope_exporter.dicom.header import Header, HeaderReader
from studyscope_exporter.dicom.rtstruct import RT_STRUCTURE_SET_STORAGE, read_structure_set
from studyscope_exporter.dicom.segmentation import (
    LABEL_MAP_SEGMENTATION_STORAGE,
    SEGMENTATION_STORAGE,
    read_segmentation,
)
from studyscope_exporter.dicom.series import imaging_series
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.inventory.reading import Reading
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import ImagingSeries

_SEGMENTATIONS = frozenset({SEGMENTATION_STORAGE, LABEL_MAP_SEGMENTATION_STORAGE, RT_STRUCTURE_SET_STORAGE})
_IGNORED = frozenset({Reason.NOT_DICOM, Reason.DIRECTORY})
_PASSING = frozenset({Reason.NO_PERMISSION, Reason.VANISHED, Reason.IO_ERROR})


@dataclass(frozen=True)
class InstanceReader:
    """Reads files into one Reading each; picklable, so that other processes and machines can do it."""

    pseudonyms: Pseudonyms
    lesions: frozenset[str] = frozenset()  # structures of segmentation objects whose parts are counted

    def __call__(self, paths: tuple[str, ...]) -> list[Reading]:
        headers, met = HeaderReader(), dict[bytes | None, ImagingSeries]()
        return [self._read(path, headers, met) for path in paths]

    def _read(self, path: str, headers: HeaderReader, met: dict[bytes | None, ImagingSeries]) -> Reading:
        try:
            header = headers.read(path)
            instance = header.text("SOPInstanceUID")
            if not instance:
                raise Unreadable(Reason.NO_IDENTITY)
            series = self._series(header, met)
        except Unreadable as error:
            return _without_record(error.reason)
        key = self.pseudonyms.instance(instance)
        kind = header.text("SOPClassUID") or ""
        return self._segmentation(path, series, key, kind) if kind in _SEGMENTATIONS else Reading((series,), key)

    def _series(self, header: Header, met: dict[bytes | None, ImagingSeries]) -> ImagingSeries:
        """One record for all instances of a series, described by the first of them."""
        uid = header.raw("SeriesInstanceUID")
        series = met.get(uid)
        if series is None:
            series = met[uid] = imaging_series(header, self.pseudonyms)
        return series

    def _segmentation(self, path: str, series: ImagingSeries, key: bytes, kind: str) -> Reading:
        try:
            if kind == RT_STRUCTURE_SET_STORAGE:
                return Reading((series, read_structure_set(Path(path), self.pseudonyms, self.lesions)), key)
            return Reading((series, read_segmentation(Path(path), self.pseudonyms, self.lesions)), key)
        except Unreadable as error:
            # Still an instance of its series: that the object is there is known.
            return Reading((series,), key, unreadable=error.reason.value, retry=error.reason in _PASSING)


def _without_record(reason: Reason) -> Reading:
    if reason in _IGNORED:
        return Reading(ignored=reason.value)
    return Reading(unreadable=reason.value, retry=reason in _PASSING)
