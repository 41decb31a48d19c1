"""An archive as DICOMweb shows it (PS3.18), plain, over the files of a folder; what it cannot do is set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from local_server import Answer, Asked, LocalServer, as_json, served

ALWAYS = ("00080060", "0020000D", "0020000E", "00080018", "00080016")
COUNT = "00201209"
BOUNDARY = "a+b/c"


@dataclass
class PlainArchive:
    """`without` are tags that it does not give of series; a folder that is gone is a server that is down."""

    folder: Path
    without: frozenset[str] = frozenset()
    files: dict[Path, tuple[float, Dataset]] = field(default_factory=dict)

    def instances(self) -> list[tuple[Path, Dataset]]:
        found = []
        for path in sorted(self.folder.rglob("*.dcm")):
            changed = path.stat().st_mtime
            if self.files.get(path, (0, None))[0] != changed:
                self.files[path] = (changed, pydicom.dcmread(path, stop_before_pixels=True))
            found.append((path, self.files[path][1]))
        return found

    def answer(self, asked: Asked) -> Answer:
        if not self.folder.exists():
            return as_json({"Message": "the database is away"}, 503)
        if asked.path == "/series":
            return self._page(asked, self._series(asked), self.without)
        match = re.fullmatch(r"/studies/([0-9.]+)/series/([0-9.]+)/instances(?:/([0-9.]+))?", asked.path)
        if match is None:
            return as_json({"Message": "unknown"}, 404)
        of_series = [(path, image) for path, image in self.instances() if image.SeriesInstanceUID == match[2]]
        if match[3] is None:
            return self._page(asked, [(image, None) for _, image in of_series], frozenset())
        return next((self.object(path) for path, image in of_series if image.SOPInstanceUID == match[3]), as_json({}, 404))

    def object(self, path: Path) -> Answer:
        head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = head + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
        return Answer(body, 200, {"Content-Type": f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'})

    def _series(self, asked: Asked) -> list[tuple[Dataset, int | None]]:
        first: dict[str, Dataset] = {}
        counts: dict[str, int] = {}
        for _, image in self.instances():
            if asked.param("Modality") not in ("", image.Modality):
                continue
            begin, _, end = asked.param("StudyDate", "-").partition("-")
            if not (begin or "0") <= str(image.get("StudyDate", "")) <= (end or "9"):
                continue
            first.setdefault(image.SeriesInstanceUID, image)
            counts[image.SeriesInstanceUID] = counts.get(image.SeriesInstanceUID, 0) + 1
        return [(image, counts[uid]) for uid, image in first.items()]

    def _page(self, asked: Asked, found: list[tuple[Dataset, int | None]], without: frozenset[str]) -> Answer:
        begin, limit = int(asked.param("offset", "0")), int(asked.param("limit", "1000"))
        tags = {*ALWAYS, *asked.params.get("includefield", [])} - without
        page = [_said(image, count, tags) for image, count in found[begin : begin + limit]]
        return as_json(page) if page else Answer(status=204)


def _said(image: Dataset, count: int | None, tags: set[str]) -> dict[str, Any]:
    said: dict[str, Any] = {"00081190": {"vr": "UR", "Value": ["http://127.0.0.1/elsewhere"]}}
    for tag in tags:
        if tag == COUNT and count is not None:
            said[tag] = {"vr": "IS", "Value": [count]}
        elif int(tag, 16) in image:
            said[tag] = image[int(tag, 16)].to_json_dict(None, 1024)
    return said


@contextmanager
def archive_at(archive: PlainArchive) -> Iterator[LocalServer]:
    with served(archive.answer) as server:
        yield server
