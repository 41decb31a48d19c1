"""The ledger: everything that was ever published and every act, one signed line each, chained by hashes.

A line is canonical JSON: `number`, `before` (SHA-256 of the line before), `act`, the act's facts, and
`signature` (Ed25519 over the rest). It holds published numbers only, never a true count; a grid
point at which nothing moved has a short line of its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from studyscope_contract.canonical import canonical_bytes
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import ProtectedTable

ORIGIN = "0" * 64


@dataclass(frozen=True)
class Head:
    """Where the ledger ends: lines, bytes, and the hash of the last line."""

    lines: int = 0
    size: int = 0
    hash: str = ORIGIN

    def after(self, line: bytes) -> Head:
        return Head(self.lines + 1, self.size + len(line), hashlib.sha256(line).hexdigest())


@dataclass(frozen=True)
class Published:
    """What the ledger says was shown last: the report's place, its policy and its tables."""

    sequence: int = 0
    grid_point: int | None = None
    policy: Mapping[str, Any] | None = None
    tables: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    withdrawn: bool = False  # the site has left the study
    overtaken: bool = False  # the centre holds reports that are not here


class LedgerBroken(Exception):
    """A line is not what its neighbours or its signature say; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


def written(head: Head, acts: Iterable[Mapping[str, Any]], key: SigningKey) -> tuple[bytes, Head]:
    """The lines for `acts`, to be appended after `head`, and where the ledger then ends."""
    lines = b""
    for act in acts:
        content = {**act, "number": head.lines + 1, "before": head.hash}
        signature = base64.b64encode(key.sign(canonical_bytes(content))).decode()
        line = canonical_bytes({**content, "signature": signature}) + b"\n"
        lines, head = lines + line, head.after(line)
    return lines, head


def chained(raw: bytes) -> Iterator[tuple[Head, dict[str, Any]]]:
    """Each whole line with where it ends; raises LedgerBroken where the chain breaks. Signatures are not looked at."""
    head = Head()
    for line in raw.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            return  # a line that a crash cut short; whoever opens the ledger writes it again
        try:
            content = json.loads(line)
            whole = content["before"] == head.hash and content["number"] == head.lines + 1
        except (ValueError, KeyError, TypeError):
            raise LedgerBroken(head.lines + 1, "is not a line of a ledger") from None
        if not whole:
            raise LedgerBroken(head.lines + 1, "does not follow from the line before it: lines were changed or removed")
        head = head.after(line)
        yield head, content


def end_of(raw: bytes) -> Head:
    """Where the last whole line ends."""
    head = Head()
    for head, _ in chained(raw):  # noqa: B007 - the last one is wanted
        pass
    return head


def published(raw: bytes) -> Published:
    """What was shown last, from every line."""
    return after_lines(Published(), (line for _, line in chained(raw)))


def after_lines(before: Published, lines: Iterable[Mapping[str, Any]]) -> Published:
    """What is shown after these lines, where `before` was shown before them."""
    now, tables = before, dict(before.tables)
    for line in lines:
        if line["act"] == "decision" and line["decision"] == "withdraw_site":
            now, tables = replace(now, withdrawn=True), {}
        if line["act"] in ("overtaken", "recovered"):
            now = replace(now, overtaken=line["act"] == "overtaken")
        if line["act"] not in ("release", "frozen"):
            continue
        now = replace(now, sequence=line["sequence"], grid_point=line["grid_point"], policy=line.get("policy", now.policy))
        for table in line.get("tables", ()):
            name = (table["table"], table["per"])
            tables.pop(name, None)
            if table["cells"]:
                tables[name] = {field: table[field] for field in ProtectedTable.model_fields if field in table}
    return replace(now, tables=tables)
