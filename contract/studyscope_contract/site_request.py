"""A site's signed request for its own accepted reports: after a loss it rebuilds from them what it had published.

SiteRequestProblem    bytes are not a signed request
"""

from __future__ import annotations

import base64
import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationError

from studyscope_contract.canonical import canonical_bytes, serialised
from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import Frozen

MAX_BYTES = 4096
REPORTS_MEDIA_TYPE = "application/x-ndjson"
"""The answer: accepted reports, oldest first, the bytes of one on each line."""

FRESH = dt.timedelta(minutes=10)
"""How far the time of a request may be from the centre's clock; an older one may be a copy."""


class SiteRequestProblem(Exception):
    """Bytes are not a signed request of a site; the message says what is wrong."""


class ReportsRequest(Frozen):
    """The reports of `site` in `study` with a greater sequence number than `after`; `at` in seconds since 1970, UTC.

    accepted_reports: those that count; newest_report: the last one that the centre ever accepted, also where it was
    retracted since. By it a machine that was put back knows that its site has gone on without it.
    """

    purpose: Literal["accepted_reports", "newest_report"] = "accepted_reports"
    study: Slug
    site: Slug
    after: int = Field(ge=0)
    at: int = Field(ge=0, le=253_402_300_799)

    def is_fresh(self, now: dt.datetime) -> bool:
        return abs(now.timestamp() - self.at) <= FRESH.total_seconds()


class SignedRequest(Frozen):
    """A request, the fingerprint of the key that signed it, and the signature."""

    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4}(-[0-9a-f]{4}){3}$")]
    request: ReportsRequest
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]

    @classmethod
    def sign(cls, request: ReportsRequest, key: SigningKey) -> Self:
        signature = base64.b64encode(key.sign(_message(request))).decode()
        return cls(key=key.public.fingerprint, request=request, signature=signature)

    def is_signed_by(self, key: VerifyingKey) -> bool:
        return key.verifies(base64.b64decode(self.signature), _message(self.request))

    def to_bytes(self) -> bytes:
        return serialised(self.model_dump(mode="json"))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The request in `raw`; raises SiteRequestProblem."""
        if len(raw) > MAX_BYTES:
            raise SiteRequestProblem(f"a request may hold at most {MAX_BYTES} bytes")
        try:
            return cls.model_validate_json(raw)
        except ValidationError as error:
            raise SiteRequestProblem(error.errors(include_url=False, include_input=False)[0]["msg"]) from None


def _message(request: ReportsRequest) -> bytes:
    """Begins with a word of its own, so that no signature under a report can be taken for one under a request."""
    return b"studyscope site request\n" + canonical_bytes(request.model_dump(mode="json"))
