"""For a site that may only be fetched from: a small door through which the centre takes what waits.

It gives the signed reports of the outbox and nothing else, byte for byte what a push would send, and
makes none. Every request is signed by the centre's key, which the site file names, so no password is
shared. An answer counts as over the line: with the centre's receipt for exactly the bytes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from studyscope_contract.fetch_request import MEDIA_TYPE, MOST_BYTES, MOST_REPORTS, PATH, FetchProblem, FetchRequest
from studyscope_contract.file_delivery import Answered
from studyscope_contract.keys import VerifyingKey
from studyscope_exporter.clock import Clock
from studyscope_exporter.delivery.outbox import Outbox
from studyscope_exporter.delivery.settled import settle
from studyscope_exporter.small_server import Application, Place, Start, said, serving

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shelf:
    """What of one study may be fetched, and by whom."""

    site: str
    study: str
    outbox: Outbox
    keys: Sequence[VerifyingKey]
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def waiting(self) -> bytes:
        """The oldest reports that wait, one a line, as many as fit into an answer."""
        lines = list[bytes]()
        size = 0
        for report in self.outbox.waiting()[:MOST_REPORTS]:
            raw = report.read()
            if lines and size + len(raw) > MOST_BYTES:
                break
            lines.append(raw + b"\n")
            size += len(raw)
        return b"".join(lines)


@contextmanager
def fetchable(shelves: Sequence[Shelf], place: Place | None, clock: Clock) -> Iterator[None]:
    """Serves the shelves while inside, where the site file says so; raises EndpointProblem."""
    if place is None or not shelves:
        yield
        return
    with serving(door({one.study: one for one in shelves}, clock), place, "fetched"):
        yield


def door(shelves: Mapping[str, Shelf], clock: Clock) -> Application:
    """Answers GET and POST of `/api/v1/fetch/STUDY` to requests that the study's centre signed."""

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD", "")
        shelf = shelves.get(path.removeprefix(PATH)) if path.startswith(PATH) else None
        if shelf is None:
            return said(start, "404 Not Found", "nothing can be fetched here")
        if method not in ("GET", "POST"):
            return said(start, "405 Method Not Allowed", "GET what waits, POST the answers")
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > MOST_BYTES:
            return said(start, "413 Content Too Large", f"at most {MOST_BYTES} bytes")
        body = environ["wsgi.input"].read(int(length)) if method == "POST" else b""
        try:
            given = environ.get("HTTP_AUTHORIZATION", "")
            FetchRequest.verified(given, body, shelf.keys, study=shelf.study, site=shelf.site, now=clock.now())
        except FetchProblem as problem:
            log.warning("study %s: a request to fetch was refused: %s", shelf.study, problem)
            return said(start, "401 Unauthorized", str(problem))
        with shelf.turn:
            return _given(shelf, start) if method == "GET" else _taken(shelf, body, start)

    return answer


def _given(shelf: Shelf, start: Start) -> Iterable[bytes]:
    body = shelf.waiting()
    start("200 OK", [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body)))])
    return [body]


def _taken(shelf: Shelf, body: bytes, start: Start) -> Iterable[bytes]:
    try:
        answers = [Answered.model_validate_json(line) for line in body.splitlines()]
    except ValidationError:
        return said(start, "400 Bad Request", "these are no answers to reports")
    done = settle(shelf.outbox, answers, shelf.keys)
    for problem in done.problems:
        log.warning("study %s: %s", shelf.study, problem)
    return said(start, "200 OK", f"{done.delivered} delivered, {len(shelf.outbox.waiting())} wait")
