"""What a series of an archive is in the inventory, and the segmentation objects in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from studyscope_exporter.dicom.instances import InstanceReader
from studyscope_exporter.dicom.series import imaging_series
from studyscope_exporter.dicom.unreadable import Reason, Unreadable
from studyscope_exporter.dicomweb.answer import Attributes
from studyscope_exporter.dicomweb.archive import Archive
from studyscope_exporter.inventory.reading import Reading
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import ImagingSeries, Key
from studyscope_exporter.servers.server import ServerProblem

FETCHED = frozenset({"SEG", "RTSTRUCT"})
"""Modalities whose objects are read whole; of all others only what the server says of a series."""

NOT_RETRIEVED = "not retrieved"
NOT_GIVEN = "attributes not given"
_MOST_REFUSED = 5


@dataclass(frozen=True)
class SeriesRead:
    """A series as read now. `unread` counts, by reason, what is to be tried again in the next pass."""

    series: ImagingSeries | None
    unreadable: str
    instances: int
    objects: dict[Key, Reading] = field(default_factory=dict)
    gone: frozenset[Key] = frozenset()
    unread: dict[str, int] = field(default_factory=dict)


@dataclass
class SeriesReader:
    """Reads series and new objects of one archive; gives up when the server refuses one object after the other."""

    archive: Archive
    pseudonyms: Pseudonyms
    most_bytes: int
    lesions: frozenset[str] = frozenset()  # structures whose separate parts are counted
    not_given: int = 0
    refused: int = 0

    def read(self, answer: Attributes, known: frozenset[Key]) -> SeriesRead:
        """`known` are the objects that are in the inventory already. Raises ServerProblem."""
        instances = answer.instances or 1
        try:
            study, series = answer.uid("StudyInstanceUID"), answer.uid("SeriesInstanceUID")
            record = imaging_series(self._completed(answer, study, series), self.pseudonyms)
        except Unreadable as error:
            return SeriesRead(None, error.reason.value, instances, gone=known)
        if record.modality not in FETCHED:
            return SeriesRead(record, "", instances, gone=known)
        there = {self.pseudonyms.instance(uid): uid for uid in self._instances(study, series)}
        objects, unread = self._objects(study, series, {key: uid for key, uid in there.items() if key not in known})
        return SeriesRead(record, "", instances, objects, known - there.keys(), unread)

    def _completed(self, answer: Attributes, study: str, series: str) -> Attributes:
        """Manufacturer is in every object, at least empty (PS3.3 C.7.5.1): a server that leaves it out has to be asked below."""
        if answer.text("Manufacturer") is not None:
            return answer
        below = self.archive.an_instance(study, series)
        if below is None or below.text("Manufacturer") is None:
            self.not_given += 1
        return answer if below is None else answer.completed_by(below)

    def _instances(self, study: str, series: str) -> Iterator[str]:
        for instance in self.archive.instances(study, series):
            try:
                yield instance.uid("SOPInstanceUID")
            except Unreadable:
                continue

    def _objects(self, study: str, series: str, new: dict[Key, str]) -> tuple[dict[Key, Reading], dict[str, int]]:
        objects: dict[Key, Reading] = {}
        unread: dict[str, int] = {}
        for key, uid in new.items():
            try:
                reading = self._object(study, series, uid)
            except ServerProblem as problem:
                self.refused += 1
                if problem.status is None or self.refused >= _MOST_REFUSED:
                    raise
                reason = NOT_RETRIEVED
            except Unreadable as error:
                reason = error.reason.value
            else:
                self.refused = 0
                objects[key] = reading
                continue
            unread[reason] = unread.get(reason, 0) + 1
        return objects, unread

    def _object(self, study: str, series: str, instance: str) -> Reading:
        with _fetched(self.archive, study, series, instance, self.most_bytes) as path:
            (reading,) = InstanceReader(self.pseudonyms, self.lesions)((str(path),))
        if reading.ignored:
            raise Unreadable(Reason.NOT_DICOM)
        return reading


@contextmanager
def _fetched(archive: Archive, study: str, series: str, instance: str, most_bytes: int) -> Iterator[Path]:
    """The object as a file of ours alone, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="studyscope-") as folder:
        path = Path(folder) / "object"
        with path.open("wb") as file:
            archive.write_object(study, series, instance, file, most_bytes)
        yield path
