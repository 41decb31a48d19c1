"""A person's signature under a whole policy: what a site may let out, as it was then (privacy.md 5)."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from studyscope_contract.canonical import canonical_bytes
from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.policy import Policy


@dataclass(frozen=True)
class PolicySignature:
    """One signature. `version` counts the policies of this site and study; `before` is the hash of the one before.

    `content` is the policy as the site file had it, so that the ledger can be read without that file.
    """

    site: str
    study: str
    version: int
    policy: str
    before: str
    content: Mapping[str, Any]
    approver: str
    day: str
    signature: str = ""

    @classmethod
    def sign(
        cls, policy: Policy, earlier: Sequence[PolicySignature], key: SigningKey, day: dt.date, *, site: str, study: str
    ) -> Self:
        """The signature of the holder of `key`, after the `earlier` ones of this site and study."""
        version, _, before = cls.follows(policy, earlier)
        content = policy.model_dump(mode="json")
        unsigned = cls(site, study, version, policy.hash, before, content, key.public.fingerprint, day.isoformat())
        signature = base64.b64encode(key.sign(unsigned._message())).decode()
        return cls(**{**asdict(unsigned), "signature": signature})

    @staticmethod
    def follows(policy: Policy, earlier: Sequence[PolicySignature]) -> tuple[int, str, str]:
        """Version, hash and hash before of a signature under `policy` after the `earlier` ones."""
        last = earlier[-1] if earlier else None
        if last is None:
            return 1, policy.hash, ""
        if last.policy == policy.hash:  # another signature under the same version
            return last.version, policy.hash, last.before
        return last.version + 1, policy.hash, last.policy

    def is_signed_by(self, key: VerifyingKey) -> bool:
        return self.approver == key.fingerprint and key.verifies(base64.b64decode(self.signature), self._message())

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def _message(self) -> bytes:
        content = asdict(self)
        del content["signature"]
        return canonical_bytes({"policy": content})


def version_in_force(signatures: Sequence[PolicySignature], policy: str) -> int | None:
    """The version of the policy with this hash, None while the newest signature is under another one."""
    return signatures[-1].version if signatures and signatures[-1].policy == policy else None
