"""A centre's signed request to a site that may only be fetched from: what waits, or the answers to it.

FetchProblem     a request is not the centre's, not about this site, or too old
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field, ValidationError

from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.names import Slug
from studyscope_contract.report import Sha256
from studyscope_contract.site_request import FRESH
from studyscope_contract.statement import Signature, is_signed, signed
from studyscope_contract.yaml_file import Frozen

KIND = "fetch"
SCHEME = "Studyscope"
PATH = "/api/v1/fetch/"
"""And the study's id: GET gives the reports that wait, one a line; POST takes the centre's answers to them."""
KEYS = "/keys"
"""After that: the same for requests to have a key of the site accepted."""
STUDY = "/study"
"""After that: GET gives the number of the newest study file that is at the site, POST brings a newer one, signed."""
LAST = "/last"
"""After that: GET gives the number of the newest delivered report, 0 for none; POST the number of the newest one that
the centre holds, where it holds less, because it was put back from a backup: what came after it waits again."""
MEDIA_TYPE = "application/x-ndjson"
MOST_REPORTS = 50
MOST_BYTES = 8 * 1024 * 1024


class FetchProblem(Exception):
    """A request is refused; the message says why."""


class FetchRequest(Frozen):
    """One request; `at` in seconds since 1970, `body` the hash of what is sent with it."""

    study: Slug
    site: Slug
    at: int = Field(ge=0, le=253_402_300_799)
    body: Sha256
    signature: Signature

    @classmethod
    def make(cls, study: str, site: str, body: bytes, key: SigningKey, now: dt.datetime) -> Self:
        content = {"study": study, "site": site, "at": int(now.timestamp()), "body": hashlib.sha256(body).hexdigest()}
        return cls.model_validate({**content, "signature": signed(KIND, content, key)})

    @property
    def header(self) -> str:
        """The value of Authorization."""
        return f"{SCHEME} {base64.b64encode(self.model_dump_json().encode()).decode()}"

    @classmethod
    def verified(cls, header: str, body: bytes, keys: Sequence[VerifyingKey], *, study: str, site: str, now: dt.datetime) -> Self:
        """The request in an Authorization header; raises FetchProblem."""
        try:
            scheme, _, text = header.partition(" ")
            request = cls.model_validate_json(base64.b64decode(text, validate=True))
        except (binascii.Error, ValidationError, ValueError):
            raise FetchProblem("send a request that the centre signed") from None
        content: dict[str, Any] = request.model_dump(mode="json", exclude={"signature"})
        if scheme != SCHEME or not any(is_signed(KIND, content, request.signature, key) for key in keys):
            raise FetchProblem("the request is not signed by a key of the centre that this site knows")
        if (request.study, request.site) != (study, site) or request.body != hashlib.sha256(body).hexdigest():
            raise FetchProblem("the request is about something else than it comes with")
        if abs(now.timestamp() - request.at) > FRESH.total_seconds():
            raise FetchProblem("the request was not made just now: compare the clocks of centre and site")
        return request
