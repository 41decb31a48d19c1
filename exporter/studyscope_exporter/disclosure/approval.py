"""A person's signature under a table: what it counts, its closed codes, the policy and the threshold (privacy.md 2.1 step 10)."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from studyscope_contract.canonical import canonical_bytes, content_hash
from studyscope_contract.definition import definition
from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.metric import Table, TableKey
from studyscope_contract.policy import Policy
from studyscope_contract.study import Study
from studyscope_exporter.disclosure.errors import ApprovalProblem


@dataclass(frozen=True)
class Approver:
    """A person of the hospital whose signature lets a table out; `key` is the text of the public key."""

    name: str
    key: str


@dataclass(frozen=True)
class Approval:
    """One act of approval: `codes` names per table what it counts and its closed codes, `shown` what its signer was shown."""

    codes: Mapping[str, str]
    policy: str
    threshold: int
    approver: str
    day: str
    signature: str
    shown: str = ""

    @classmethod
    def sign(cls, codes: Mapping[TableKey, str], policy: Policy, key: SigningKey, day: dt.date, shown: str = "") -> Self:
        named = {str(table): code for table, code in sorted(codes.items())}
        threshold, fingerprint = policy.parameters.s, key.public.fingerprint
        unsigned = cls(named, policy.rules_hash, threshold, fingerprint, day.isoformat(), "", shown)
        return replace(unsigned, signature=base64.b64encode(key.sign(unsigned._message())).decode())

    def is_signed_by(self, key: VerifyingKey) -> bool:
        return self.approver == key.fingerprint and key.verifies(base64.b64decode(self.signature), self._message())

    def covers(self, table: TableKey, codes: str, policy: str, threshold: int) -> bool:
        binds = self.policy == policy and self.threshold == threshold
        return binds and self.codes.get(str(table)) == codes

    def as_json(self) -> dict[str, Any]:
        content = {
            "codes": dict(self.codes),
            "policy": self.policy,
            "threshold": self.threshold,
            "approver": self.approver,
            "day": self.day,
            "signature": self.signature,
        }
        return content | ({"shown": self.shown} if self.shown else {})

    def _message(self) -> bytes:
        content = self.as_json()
        del content["signature"]
        return canonical_bytes({"approval": content})


def codes_hash(study: Study, key: TableKey, table: Table) -> str:
    """Names what is approved of a table: its id, kind and closed code list, and whom this study counts in it by what rules."""
    cells = [list(cell) for cell in study.codes(table)]
    clip = {"clip": table.clip} if table.clip else {}
    named: dict[str, Any] = {"study": study.id, "table": str(key), "kind": table.kind.value, "rule": table.rule, "cells": cells}
    named["counts"] = definition(study, key, table)
    return content_hash(named | clip)


def listed_approver(key: SigningKey, approvers: Sequence[Approver]) -> Approver:
    """The approver who holds `key`; raises ApprovalProblem when the settings do not list one."""
    for approver in approvers:
        if VerifyingKey.parse(approver.key) == key.public:
            return approver
    raise ApprovalProblem(f"key {key.public.fingerprint} is of no approver of this study; add it to `approvers` in the site file")
