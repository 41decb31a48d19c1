"""Asks an archive: series page by page, instances of one series, the bytes of one object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from studyscope_exporter.dicom.unreadable import Unreadable
from studyscope_exporter.dicomweb.answer import ASKED_FOR, NUMBER_OF_INSTANCES, Attributes
from studyscope_exporter.dicomweb.multipart import write_first_part
from studyscope_exporter.servers.server import Server, ServerProblem

_JSON = "application/dicom+json"
_OBJECT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_MOST_PAGES = 100_000
_SOP_CLASS, _SOP_INSTANCE = "00080016", "00080018"


@dataclass(frozen=True)
class Archive:
    """One DICOMweb server; addresses are always made from UIDs, a RetrieveURL (0008,1190) is never followed."""

    server: Server
    page: int

    def series(self, filters: Mapping[str, str], attributes: tuple[str, ...] = ASKED_FOR) -> Iterator[list[Any]]:
        """Pages of series (QIDO-RS, PS3.18 10.6) until an empty one. Raises ServerProblem."""
        params = {**filters, "includefield": [*attributes, NUMBER_OF_INSTANCES]}
        return self._pages("/series", params, self.page)

    def instances(self, study: str, series: str) -> list[Attributes]:
        """Every instance of a series with its class; what is none is left out. Raises ServerProblem."""
        params = {"includefield": [_SOP_CLASS, _SOP_INSTANCE]}
        path = f"/studies/{study}/series/{series}/instances"
        return [one for page in self._pages(path, params, self.page) for one in map(_parsed, page) if one is not None]

    def an_instance(self, study: str, series: str) -> Attributes | None:
        """What the server says of any one instance of a series. Raises ServerProblem."""
        params = {"limit": 1, "includefield": [*ASKED_FOR]}
        found = self._ask(f"/studies/{study}/series/{series}/instances", params)
        return next((one for one in map(_parsed, found) if one is not None), None)

    def write_object(self, study: str, series: str, instance: str, file: BinaryIO, most_bytes: int) -> None:
        """Writes an object (WADO-RS, PS3.18 10.4) into `file`. Raises ServerProblem, Unreadable."""
        path = f"/studies/{study}/series/{series}/instances/{instance}"
        with self.server.stream(path, accept=_OBJECT) as answer:
            write_first_part(self.server.pieces(answer), answer.headers.get("Content-Type", ""), file, most_bytes)

    def _pages(self, path: str, params: Mapping[str, Any], size: int) -> Iterator[list[Any]]:
        seen, last = 0, None
        for _ in range(_MOST_PAGES):
            page = self._ask(path, {**params, "limit": size, "offset": seen})
            if not page:
                return
            if page == last:
                message = f"{self.server.address.url}{path} gives the same page again and again; does the server know `offset`?"
                raise ServerProblem(message, temporary=False)
            yield page
            seen, last = seen + len(page), page
            if len(page) > size:  # a server that knows no limit has given everything
                return
        raise ServerProblem(f"{self.server.address.url}{path} does not end after {_MOST_PAGES} pages", temporary=True)

    def _ask(self, path: str, params: Mapping[str, Any]) -> list[Any]:
        found = self.server.json(path, params, accept=_JSON)
        if found is None:  # 204: nothing matches
            return []
        if not isinstance(found, list):
            raise ServerProblem(f"{self.server.address.url}{path} answers no list; is `url` that of DICOMweb?", temporary=True)
        return found


def _parsed(said: object) -> Attributes | None:
    try:
        return Attributes.parse(said)
    except Unreadable:
        return None
