"""For a site that may only be fetched from: a small door through which the centre takes what waits.

It gives the signed reports of the outbox, byte for byte what a push would send, and requests about the
site's key that a person here asked for; it makes none. It takes the coordinator's signed study file, which
is in force only once a person here accepts it. Every request is signed by the centre's key, which
the site file names, so no password is shared. An answer counts as over the line: with the centre's
receipt for exactly the bytes.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from studyscope_contract.amount import amount
from studyscope_contract.enrolment import EnrolmentAnswer
from studyscope_contract.fetch_request import (
    KEYS,
    LAST,
    MEDIA_TYPE,
    MOST_BYTES,
    MOST_REPORTS,
    PATH,
    STUDY,
    FetchProblem,
    FetchRequest,
)
from studyscope_contract.file_delivery import Answered
from studyscope_contract.keys import VerifyingKey
from studyscope_contract.report import Report, SignedReport
from studyscope_contract.signed_study import SignedStudyProblem
from studyscope_contract.yaml_file import FileProblem
from studyscope_exporter.clock import Clock
from studyscope_exporter.delivery.brought_study import BroughtStudy
from studyscope_exporter.delivery.key_requests import KeyRequests
from studyscope_exporter.delivery.outbox import Outbox
from studyscope_exporter.delivery.settled import settle
from studyscope_exporter.small_server import Application, Place, Start, said, serving

log = logging.getLogger(__name__)

LONGEST_NUMBER = 10
"""Digits of a report's number, as its file is named."""


@dataclass(frozen=True)
class Shelf:
    """What of one study may be fetched, and by whom; `version` of its study file is in force here.

    `again` lets the delivered reports after a number wait again, and says how many these are. `leaves` is the moment from
    which on a report may be had: a centre that comes every second must not see how long its making took.
    """

    site: str
    study: str
    outbox: Outbox
    keys: Sequence[VerifyingKey]
    asked: KeyRequests
    brought: BroughtStudy
    version: int
    again: Callable[[int], int]
    leaves: Callable[[Report], dt.datetime]
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def what_lies_there(self, what: str, now: dt.datetime) -> bytes:
        """Requests about keys, the number of the newest study file or of the newest delivered report, or reports."""
        if what == KEYS:
            return b"".join(one + b"\n" for one in self.asked.waiting())
        if what == LAST:
            return b"%d\n" % (self.outbox.last_delivered() or 0)
        return b"%d\n" % max(self.version, self.brought.version()) if what == STUDY else self.waiting(now)

    def waiting(self, now: dt.datetime) -> bytes:
        """The oldest reports that may leave, one a line, as many as fit into an answer."""
        lines = list[bytes]()
        size = 0
        for report in self.outbox.waiting()[:MOST_REPORTS]:
            raw = report.read()
            if self.leaves(SignedReport.from_bytes(raw).report) > now or (lines and size + len(raw) > MOST_BYTES):
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
    """Answers GET and POST of `/api/v1/fetch/STUDY`, its `/keys`, `/study` and `/last`, where the study's centre signed them."""

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD", "")
        study, slash, rest = path.removeprefix(PATH).partition("/")
        shelf, what = shelves.get(study) if path.startswith(PATH) else None, slash + rest
        if shelf is None or what not in ("", KEYS, STUDY, LAST):
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
            if method == "GET":
                return _given(shelf.what_lies_there(what, clock.now()), start)
            return {"": _taken, KEYS: _told_of_keys, STUDY: _brought, LAST: _wanted_again}[what](shelf, body, start)

    return answer


def _given(body: bytes, start: Start) -> Iterable[bytes]:
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
    return said(start, "200 OK", f"{done.delivered} delivered")


def _told_of_keys(shelf: Shelf, body: bytes, start: Start) -> Iterable[bytes]:
    try:
        answers = [EnrolmentAnswer.model_validate_json(line) for line in body.splitlines()]
    except ValidationError:
        return said(start, "400 Bad Request", "these are no answers to requests about keys")
    known = [one for one in answers if one.site == shelf.site and shelf.asked.answered(one)]
    for one in known:
        log.info("study %s: the centre says of our key %s: %s", shelf.study, one.fingerprint, one.state)
    return said(start, "200 OK", f"{len(known)} answers kept")


def _brought(shelf: Shelf, body: bytes, start: Start) -> Iterable[bytes]:
    try:
        version = shelf.brought.put(body, shelf.keys)
    except (SignedStudyProblem, FileProblem) as problem:
        log.warning("study %s: a study file that the centre brought was not kept: %s", shelf.study, problem)
        return said(start, "400 Bad Request", str(problem))
    log.info("study %s: the centre brought version %d of the study file; see study diff %s", shelf.study, version, shelf.study)
    return said(start, "200 OK", f"version {version} lies ready for study diff and study accept")


def _wanted_again(shelf: Shelf, body: bytes, start: Start) -> Iterable[bytes]:
    number = body.strip()
    if not number.isdigit() or len(number) > LONGEST_NUMBER:
        return said(start, "400 Bad Request", "this is no number of a report")
    return said(start, "200 OK", f"{amount(shelf.again(int(number)), 'report waits', 'reports wait')} again")
