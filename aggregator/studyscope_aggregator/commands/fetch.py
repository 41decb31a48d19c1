"""fetch what waits at sites that may only be fetched from, hand it in here, bring back the answers

Asks every site below `fetch` in the centre file, signed with the centre's key; hands each report, and
each request to have a key accepted, to the running centre, which judges it as over the line; and takes
its answers to the site, with the study file where a newer version is signed than lies there. Repeating it
does no harm. With --every it goes on until it is stopped.
"""

from __future__ import annotations

import argparse
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import ValidationError

from studyscope_aggregator.clock import Clock, SystemClock
from studyscope_aggregator.settings import CentreSettings, FetchedSite
from studyscope_contract.amount import amount
from studyscope_contract.enrolment import EnrolmentAnswer, EnrolmentRequest
from studyscope_contract.fetch_request import KEYS, LAST, MEDIA_TYPE, MOST_BYTES, PATH, STUDY, FetchRequest
from studyscope_contract.file_delivery import Answered
from studyscope_contract.keys import KeyProblem, SigningKey
from studyscope_contract.report import MEDIA_TYPE as REPORT_TYPE
from studyscope_contract.signed_study import SignedStudy
from studyscope_contract.yaml_file import FileProblem, Problem

TIMEOUT_SECONDS = 60


class NotFetched(Exception):
    """A site did not answer as one; what waits there goes on waiting."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--every", type=float, metavar="MINUTES", help="again and again, with so many minutes between")


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    key = settings.signing_key()
    if key is None or not settings.fetch:
        raise KeyProblem("fetching needs `key` and `fetch` in the centre file; see docs/centre-sites.md")
    while True:
        good = fetch_all(settings, key, SystemClock())
        if chosen.every is None:
            return 0 if good else 1
        time.sleep(chosen.every * 60)


def fetch_all(settings: CentreSettings, key: SigningKey, clock: Clock) -> bool:
    """Every site once; whether all of them answered and nothing was refused."""
    good = True
    with httpx.Client(base_url=settings.listen.url, timeout=TIMEOUT_SECONDS, trust_env=False) as here:
        for site in settings.fetch:
            try:
                with _line(site) as line:
                    good = Visit(site, line, here, key, clock).made() and good
            except NotFetched as problem:
                print(f"site {site.site}, study {site.study}: {problem}")
                good = False
    return good


@dataclass(frozen=True)
class Visit:
    """One round to one site: `line` leads to its door, `here` to our own centre."""

    site: FetchedSite
    line: httpx.Client
    here: httpx.Client
    key: SigningKey
    clock: Clock

    def made(self) -> bool:
        """Whether nothing was refused; raises NotFetched."""
        self._keys()
        self._what_we_lost()
        taken = refused = 0
        while reports := self._sent("GET", "").splitlines():
            answers = [self._handed_in(raw) for raw in reports]
            self._sent("POST", "", b"".join(f"{one.model_dump_json()}\n".encode() for one in answers))
            now_taken = sum(one.is_taken for one in answers)
            taken, refused = taken + now_taken, refused + len(answers) - now_taken
            if not now_taken:
                break  # what is refused for now would come again at once
        print(f"{self._name}: {amount(taken, 'report')} taken, {refused} refused")
        self._study_file()
        return refused == 0

    @property
    def _name(self) -> str:
        return f"site {self.site.site}, study {self.site.study}"

    def _keys(self) -> None:
        """Requests to have a key accepted; a site of an older release has none to give."""
        try:
            requests = [EnrolmentRequest.model_validate_json(line) for line in self._sent("GET", KEYS, none_on=404).splitlines()]
        except ValidationError:
            raise NotFetched(
                f"{self.site.url} gave something else than requests about its keys: is this the site's door"
            ) from None
        answers = [answer for one in requests if (answer := self._asked(one)) is not None]
        if answers:
            self._sent("POST", KEYS, b"".join(f"{one.model_dump_json()}\n".encode() for one in answers))

    def _asked(self, request: EnrolmentRequest) -> EnrolmentAnswer | None:
        """What our centre says of a key of this site, None where it did not keep the request."""
        if (request.site, request.study) != (self.site.site, self.site.study):
            print(f"{self._name}: a request in the name of site {request.site} of study {request.study} was left there")
            return None
        answer = self._posted("/api/v1/enrolments", request.to_bytes(), "application/json")
        if answer.status_code not in (200, 202):
            print(f"{self._name}: its request about a key is refused: {answer.json().get('message', answer.text)}")
            return None
        said = EnrolmentAnswer.model_validate_json(answer.content)
        print(f"{self._name}: key {said.fingerprint} is {said.state}" + (": see sites" if said.state == "waiting" else ""))
        return said

    def _what_we_lost(self) -> None:
        """Where our store was put back from a backup, the site lets wait again what came after our newest report of it."""
        there = self._sent("GET", LAST, none_on=404).strip()
        held = self._asked_here("GET", f"/api/v1/sites/{self.site.study}/{self.site.site}/last")
        if not there.isdigit() or held.status_code not in (200, 404):
            return
        newest = int(held.json()["sequence"]) if held.status_code == 200 else 0
        if newest < int(there):
            self._sent("POST", LAST, b"%d" % newest)
            print(
                f"{self._name}: we hold its reports up to {newest}, it had delivered {int(there)}: asked for those after it again"
            )

    def _study_file(self) -> None:
        """The newest version that the coordinator signed; a site of an older release takes none this way."""
        offered = self._asked_here("GET", f"/api/v1/studies/{self.site.study}/signed")
        there = self._sent("GET", STUDY, none_on=404).strip()
        if offered.status_code != 200 or not there.isdigit():
            return
        version = SignedStudy.from_bytes(offered.content).version
        if version > int(there):
            self._sent("POST", STUDY, offered.content)
            print(f"{self._name}: brought version {version} of the study file; it is in force once the site accepts it")

    def _handed_in(self, raw: bytes) -> Answered:
        answer = self._posted("/api/v1/reports", raw, REPORT_TYPE)
        return Answered.to(raw, answer.status_code, answer.text)

    def _posted(self, path: str, raw: bytes, kind: str) -> httpx.Response:
        return self._asked_here("POST", path, content=raw, headers={"Content-Type": kind})

    def _asked_here(self, method: str, path: str, **sent: Any) -> httpx.Response:
        try:
            return self.here.request(method, path, **sent)
        except httpx.HTTPError as error:
            own = self.here.base_url
            raise NotFetched(f"our own centre does not answer at {own} ({type(error).__name__}): is `serve` running") from None

    def _sent(self, method: str, what: str, body: bytes = b"", *, none_on: int | None = None) -> bytes:
        """The site's answer, empty where it has the status `none_on`."""
        request = FetchRequest.make(self.site.study, self.site.site, body, self.key, self.clock.now())
        headers, url = {"Authorization": request.header, "Content-Type": MEDIA_TYPE}, self.site.url
        found = bytearray()
        try:
            with self.line.stream(method, f"{PATH}{self.site.study}{what}", content=body, headers=headers) as answer:
                for piece in answer.iter_bytes():
                    found += piece
                    if len(found) > 2 * MOST_BYTES:
                        raise NotFetched("the answer is larger than any: is this the site's door")
        except httpx.HTTPError as error:
            raise NotFetched(f"{url} cannot be reached: {error or type(error).__name__}") from None
        if answer.status_code == none_on:
            return b""
        if answer.status_code != 200:
            raise NotFetched(f"{url} answered {answer.status_code}: {found[:300].decode(errors='replace').strip()}")
        return bytes(found)


@contextmanager
def _line(site: FetchedSite) -> Iterator[httpx.Client]:
    context: ssl.SSLContext | bool = True
    if site.ca_file is not None:
        context = httpx.create_ssl_context()
        try:
            context.load_verify_locations(cafile=str(site.ca_file))
        except OSError as error:  # ssl.SSLError is one
            raise FileProblem(site.ca_file, [Problem(0, "ca_file", f"cannot be used: {error}")]) from None
    with httpx.Client(base_url=site.url, verify=context, proxy=site.proxy, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        yield client
