"""fetch what waits at sites that may only be fetched from, hand it in here, bring back the answers

Asks every site below `fetch` in the centre file, signed with the centre's key; hands each report to the
running centre, which judges it as over the line; and takes its receipts to the site. Repeating it does
no harm. With --every it goes on until it is stopped.
"""

from __future__ import annotations

import argparse
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from studyscope_aggregator.clock import Clock, SystemClock
from studyscope_aggregator.settings import CentreSettings, FetchedSite
from studyscope_contract.fetch_request import MEDIA_TYPE, MOST_BYTES, PATH, FetchRequest
from studyscope_contract.file_delivery import Answered
from studyscope_contract.keys import KeyProblem, SigningKey
from studyscope_contract.report import MEDIA_TYPE as REPORT_TYPE
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
    own = f"http://{settings.listen.host}:{settings.listen.port}/api/v1/reports"
    good = True
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as here:
        for site in settings.fetch:
            try:
                good = _fetched(site, key, clock, lambda raw: _handed_in(here, own, raw)) and good
            except NotFetched as problem:
                print(f"site {site.site}, study {site.study}: {problem}")
                good = False
    return good


def _fetched(site: FetchedSite, key: SigningKey, clock: Clock, hand_in: Callable[[bytes], Answered]) -> bool:
    taken = refused = 0
    with _line(site) as line:
        while reports := _asked(line, site, key, clock):
            answers = [hand_in(raw) for raw in reports]
            body = "".join(f"{one.model_dump_json()}\n" for one in answers).encode()
            _sent(line, site, "POST", body, key, clock)
            now_taken = sum(one.is_taken for one in answers)
            taken, refused = taken + now_taken, refused + len(answers) - now_taken
            if not now_taken:
                break  # what is refused for now would come again at once
    print(f"site {site.site}, study {site.study}: {taken} reports taken, {refused} refused")
    return refused == 0


def _asked(line: httpx.Client, site: FetchedSite, key: SigningKey, clock: Clock) -> list[bytes]:
    return _sent(line, site, "GET", b"", key, clock).splitlines()


def _sent(line: httpx.Client, site: FetchedSite, method: str, body: bytes, key: SigningKey, clock: Clock) -> bytes:
    request = FetchRequest.make(site.study, site.site, body, key, clock.now())
    headers = {"Authorization": request.header, "Content-Type": MEDIA_TYPE}
    found = bytearray()
    try:
        with line.stream(method, f"{PATH}{site.study}", content=body, headers=headers) as answer:
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > 2 * MOST_BYTES:
                    raise NotFetched("the answer is larger than any: is this the site's door")
    except httpx.HTTPError as error:
        raise NotFetched(f"{site.url} cannot be reached: {error or type(error).__name__}") from None
    if answer.status_code != 200:
        raise NotFetched(f"{site.url} answered {answer.status_code}: {found[:300].decode(errors='replace').strip()}")
    return bytes(found)


def _handed_in(here: httpx.Client, own: str, raw: bytes) -> Answered:
    try:
        answer = here.post(own, content=raw, headers={"Content-Type": REPORT_TYPE})
    except httpx.HTTPError as error:
        raise NotFetched(f"our own centre does not answer at {own} ({type(error).__name__}): is `serve` running") from None
    return Answered.to(raw, answer.status_code, answer.text)


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
