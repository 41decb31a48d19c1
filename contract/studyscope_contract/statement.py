"""Signed statements: receipts, enrolment requests, study files, confirmations.

What is signed begins with the kind of the statement, so that a signature under one kind of
statement never fits another, and none of them fits a report.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints

from studyscope_contract.canonical import canonical_bytes
from studyscope_contract.keys import KeyProblem, SigningKey, VerifyingKey


def _parsed(text: str) -> str:
    try:
        return VerifyingKey.parse(text).text
    except KeyProblem as problem:
        raise ValueError(str(problem)) from None


PublicKey = Annotated[str, AfterValidator(_parsed)]
"""The text of a site's or a centre's public key."""
Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4}(-[0-9a-f]{4}){3}$")]
Signature = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]


def statement_bytes(kind: str, content: dict[str, Any]) -> bytes:
    """The bytes that are signed: the kind, a line end, and `content` as canonical JSON."""
    return statement_line(kind) + canonical_bytes(content)


def statement_line(kind: str) -> bytes:
    """The first line of what is signed: the kind of the statement."""
    return f"studyscope {kind} 1\n".encode()


def signed(kind: str, content: dict[str, Any], key: SigningKey) -> str:
    """The signature over a statement, in base64; the same statement always gets the same one (RFC 8032)."""
    return base64.b64encode(key.sign(statement_bytes(kind, content))).decode()


def is_signed(kind: str, content: dict[str, Any], signature: str, key: VerifyingKey) -> bool:
    """Whether `signature` is that of `key` over this statement."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return key.verifies(raw, statement_bytes(kind, content))
