"""Sends what waits to the centre, oldest first: one outbound HTTPS connection, nothing inbound.

NotDelivered         the centre did not take a report now; `temporary` says whether time can help
"""

from __future__ import annotations

import json
import random
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx
from pydantic import ValidationError

from studyscope_contract.enrolment import EnrolmentAnswer, EnrolmentRequest
from studyscope_contract.keys import VerifyingKey
from studyscope_contract.receipt import ReceiptProblem, SignedReceipt
from studyscope_contract.report import MEDIA_TYPE, ReportProblem, SignedReport
from studyscope_exporter.delivery.outbox import Outbox, Waiting
from studyscope_exporter.delivery.trust import Trust

REPORTS = "/api/v1/reports"
OWN_REPORTS = "/api/v1/reports/own"
CONFLICT = 409
NOBODY_ELSE = Trust()
ENROLMENTS = "/api/v1/enrolments"

SET_ASIDE = frozenset({400, 409, 413, 422})
"""Answers that speak of the report itself: sending the same bytes again can never help."""


class NotDelivered(Exception):
    """Delivery stopped; what waits is kept. The message is for site IT.

    `wait_seconds`: how long the centre asks to be left alone, None where it does not say.
    """

    def __init__(self, message: str, *, temporary: bool, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.temporary, self.wait_seconds = temporary, wait_seconds


@dataclass(frozen=True)
class Delivered:
    """What one round of delivery did."""

    accepted: int
    set_aside: int
    conflicts: tuple[int, ...] = ()  # those set aside because the centre holds others in their place


def backoff_seconds(attempt: int, rng: random.Random) -> float:
    """How long to wait before try number `attempt` (from 1): doubling from 10 s to 15 min, with full jitter."""
    return rng.uniform(0.5, 1.0) * min(900.0, 10.0 * 2.0 ** (attempt - 1))


class CentreClient:
    """Talks to one centre about one study; certificates are always verified, receipts wherever `keys` are known."""

    def __init__(
        self,
        url: str,
        *,
        proxy: str | None,
        timeout_seconds: float,
        trust: Trust = NOBODY_ELSE,
        keys: Sequence[VerifyingKey] = (),
    ) -> None:
        self._url, self._keys = url, tuple(keys)
        self._http = httpx.Client(
            base_url=url,
            verify=_authorities(url, trust),
            proxy=proxy,
            timeout=timeout_seconds,
            trust_env=False,
            headers={"Accept": "application/json"},
        )

    def deliver(self, outbox: Outbox) -> Delivered:
        """Sends everything that waits; raises NotDelivered at the first report that must wait longer."""
        accepted = set_aside = 0
        conflicts: list[int] = []
        for report in outbox.waiting():
            status = self._send(report, outbox)
            if status in (200, 201):
                accepted += 1
                continue
            set_aside += 1
            if status == CONFLICT:
                conflicts.append(report.sequence)
                break  # what comes after it was made without knowing of the centre's
        return Delivered(accepted, set_aside, tuple(conflicts))

    def own_reports(self, request: Callable[[int], bytes], after: int) -> Iterator[bytes]:
        """This site's accepted reports after a number, oldest first, unverified; raises NotDelivered.

        `request` makes the signed request for those after a number.
        """
        while True:
            try:
                answer = self._http.post(OWN_REPORTS, content=request(after), headers={"Content-Type": "application/json"})
            except httpx.HTTPError as error:
                raise NotDelivered(f"{self._url} cannot be reached: {_reason(error)}", temporary=True) from None
            if answer.status_code != 200:
                raise NotDelivered(f"the centre did not give this site's reports: {_refusal(answer)}", temporary=False)
            found = answer.content.splitlines()
            if not found:
                return
            yield from found
            after = _sequence(found[-1], after)

    def health(self) -> httpx.Response:
        """The centre's answer to whether it lives; raises httpx.HTTPError."""
        return self._http.get("/healthz")

    def study_file(self, study: str) -> bytes | None:
        """The study file in force at the centre, None when it has no such study; raises NotDelivered."""
        answer = self._get(f"/api/v1/studies/{study}")
        return None if answer.status_code == 404 else answer.content

    def signed_study(self, study: str) -> bytes | None:
        """The newest signed study file, None when the centre has none; raises NotDelivered."""
        answer = self._get(f"/api/v1/studies/{study}/signed")
        return None if answer.status_code == 404 else answer.content

    def last_sequence(self, study: str, site: str) -> int | None:
        """Number of the newest report that the centre holds of the site, None for none; raises NotDelivered."""
        answer = self._get(f"/api/v1/sites/{study}/{site}/last")
        return None if answer.status_code == 404 else int(json.loads(answer.content)["sequence"])

    def enrol(self, request: EnrolmentRequest) -> EnrolmentAnswer:
        """Asks for the key of `request` to be accepted; what became of it so far. Raises NotDelivered."""
        try:
            answer = self._http.post(ENROLMENTS, content=request.to_bytes(), headers={"Content-Type": "application/json"})
        except httpx.HTTPError as error:
            raise NotDelivered(f"{self._url} cannot be reached: {_reason(error)}", temporary=True) from None
        if answer.status_code not in (200, 202):
            raise NotDelivered(f"the centre did not take the request: {_refusal(answer)}", temporary=False)
        try:
            return EnrolmentAnswer.model_validate_json(answer.content)
        except ValidationError:
            raise NotDelivered(f"{self._url} is no centre of this release: is the address right?", temporary=False) from None

    def enrolment(self, site: str, fingerprint: str) -> EnrolmentAnswer | None:
        """What became of the key so far, None at a centre of an older release; raises NotDelivered."""
        answer = self._get(f"{ENROLMENTS}/{site}/{fingerprint}")
        return None if answer.status_code == 404 else EnrolmentAnswer.model_validate_json(answer.content)

    def _get(self, address: str) -> httpx.Response:
        try:
            answer = self._http.get(address)
        except httpx.HTTPError as error:
            raise NotDelivered(f"{self._url} cannot be reached: {_reason(error)}", temporary=True) from None
        if answer.status_code not in (200, 404):
            raise NotDelivered(f"{self._url}{address} answered {answer.status_code}", temporary=True)
        return answer

    def close(self) -> None:
        self._http.close()

    def _send(self, report: Waiting, outbox: Outbox) -> int:
        """The centre's status, of an answer that settles the report."""
        raw = report.read()
        try:
            answer = self._http.post(REPORTS, content=raw, headers={"Content-Type": MEDIA_TYPE})
        except httpx.HTTPError as error:
            raise NotDelivered(f"{self._url} cannot be reached: {_reason(error)}", temporary=True) from None
        if answer.status_code in (200, 201):
            outbox.delivered(report, self._receipt(report, raw, answer.content))
            return answer.status_code
        message = _refusal(answer)
        if answer.status_code in SET_ASIDE and _is_the_centres(answer):
            outbox.refused(report, message)
            return answer.status_code
        temporary = answer.status_code in (408, 425, 429) or answer.status_code >= 500
        words = f"the centre did not take report {report.sequence}: {message}"
        raise NotDelivered(words, temporary=temporary, wait_seconds=_asked_to_wait(answer))

    def _receipt(self, report: Waiting, raw: bytes, answer: bytes) -> str:
        """The receipt in `answer`; without it the report counts as not delivered, whatever the status said."""
        try:
            return SignedReceipt.for_report(answer, raw, self._keys).to_bytes().decode()
        except ReceiptProblem as problem:
            raise NotDelivered(f"report {report.sequence}: {problem}", temporary=False) from None


def _is_the_centres(answer: httpx.Response) -> bool:
    """Whether the centre itself refuses: the error page of a proxy says nothing about a report."""
    try:
        content = json.loads(answer.content)
    except ValueError:
        return False
    return isinstance(content, dict) and isinstance(content.get("reason"), str) and content.get("temporary") is False


def _asked_to_wait(answer: httpx.Response) -> float | None:
    """Retry-After in seconds (RFC 9110 10.2.3), at most an hour; a date, which proxies hardly send, counts as not said."""
    said = answer.headers.get("Retry-After", "")
    return min(float(said), 3600.0) if said.isascii() and said.isdigit() else None


def _authorities(url: str, trust: Trust) -> ssl.SSLContext:
    if not url.startswith("https:"):  # this machine; a context that trusts nobody is made in no time
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return trust.context()


def _sequence(raw: bytes, after: int) -> int:
    """The number of the last report of a page; raises NotDelivered where the pages do not go on."""
    try:
        last = SignedReport.from_bytes(raw).report.sequence
    except ReportProblem:
        last = 0
    if last <= after:
        raise NotDelivered("the centre's list of this site's reports cannot be read: tell the coordinator", temporary=False)
    return last


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _refusal(answer: httpx.Response) -> str:
    """The centre's own words, at most 500 characters of them."""
    try:
        content = json.loads(answer.content)
        words = content["message"] + (f" ({content['reason']})" if "reason" in content else "")
    except (ValueError, KeyError, TypeError):
        words = answer.text
    return f"{answer.status_code} {' '.join(words.split())[:500]}"
