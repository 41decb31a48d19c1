"""How a site asks the centre to accept its public key: a request signed with the key itself."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, Self

from studyscope_contract.key_change import KeyChange
from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.names import Slug
from studyscope_contract.statement import Fingerprint, PublicKey, Signature, is_signed, signed
from studyscope_contract.yaml_file import Frozen

KIND = "enrolment"
MAX_BYTES = 4096

KeyState = Literal["waiting", "accepted", "refused", "revoked", "expired", "unknown"]
"""What became of a key that a site asked to have accepted."""


class EnrolmentRequest(Frozen):
    """One site's wish to report to one study with one key.

    The signature proves that the sender has the private key; whose key it is, two people find out by
    comparing the fingerprint over the telephone. `change` says which earlier key of the site it follows.
    """

    study: Slug
    site: Slug
    key: PublicKey
    made: dt.date
    change: KeyChange | None = None
    signature: Signature

    @classmethod
    def make(cls, study: str, site: str, key: SigningKey, made: dt.date, change: KeyChange | None = None) -> Self:
        content: dict[str, Any] = {"study": study, "site": site, "key": key.public.text, "made": made.isoformat()}
        if change is not None:
            content["change"] = change.model_dump(mode="json")
        return cls.model_validate({**content, "signature": signed(KIND, content, key)})

    @property
    def verifying(self) -> VerifyingKey:
        return VerifyingKey(self.key)

    @property
    def is_genuine(self) -> bool:
        """Whether the private half of `key` signed it, and the change that it names is to this key."""
        left_out = {"signature"} if self.change is not None else {"signature", "change"}
        content: dict[str, Any] = self.model_dump(mode="json", exclude=left_out)
        if self.change is not None and (self.change.site, self.change.new) != (self.site, self.key):
            return False
        return is_signed(KIND, content, self.signature, self.verifying)

    def to_bytes(self) -> bytes:
        return self.model_dump_json(exclude={"change"} if self.change is None else None).encode()


class EnrolmentAnswer(Frozen):
    """What the centre says of a key."""

    site: Slug
    fingerprint: Fingerprint
    state: KeyState
    valid_until: dt.date | None = None
    message: str
