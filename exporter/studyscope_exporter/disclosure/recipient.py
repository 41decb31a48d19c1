"""Who gets what leaves: the centre's address and keys, as lines of the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ACT = "recipient"


@dataclass(frozen=True)
class Recipient:
    """A centre: where reports go, and whose signature under an answer counts; without keys any that TLS lets through."""

    address: str
    keys: tuple[str, ...] = ()

    def as_act(self) -> dict[str, Any]:
        return {"act": ACT, "address": self.address, "keys": list(self.keys)}

    @classmethod
    def of_line(cls, line: Mapping[str, Any]) -> Recipient:
        return cls(line["address"], tuple(line["keys"]))


def last_recipient(ledger: bytes) -> Recipient | None:
    """The one that the ledger names last; None where it names none."""
    for raw in reversed(ledger.splitlines()):
        if b'"act":"%b"' % ACT.encode() in raw:
            line = json.loads(raw)
            if line["act"] == ACT:
                return Recipient.of_line(line)
    return None
