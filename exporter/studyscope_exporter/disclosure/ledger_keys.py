"""Whose keys signed a ledger, across every change of the site's key.

A change is a line `key` with the statements that lead from the key of the line before it to its own:
each is signed by the older key, the line by the newest. That line holds the hash of the one before
it, so the newest key answers for the whole ledger, and the old one for who came after it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studyscope_contract.canonical import canonical_bytes
from studyscope_contract.key_change import KeyChange
from studyscope_contract.keys import VerifyingKey
from studyscope_exporter.disclosure.errors import DomainProblem, KeyChanged
from studyscope_exporter.disclosure.ledger import LedgerBroken, chained

ACT = "key"


def handing_over(raw: bytes, key: VerifyingKey, changes: Sequence[KeyChange]) -> dict[str, Any] | None:
    """The line that has to come next for `key` to write on, by these changes, oldest first.

    None where `key` wrote the last line, or where no change leads to it.
    """
    if ends_with(raw, key):
        return None
    following = _leading_to(raw, key, changes)
    if following is None:
        return None
    return {"act": ACT, "changes": [change.model_dump(mode="json", exclude_none=True) for change in following]}


def refuse_another_writer(raw: bytes, key: VerifyingKey) -> None:
    """Raises KeyChanged where the ledger was handed over from `key`, DomainProblem where it is another site's or key's."""
    if ends_with(raw, key):
        return
    if key in former_keys(raw):
        raise KeyChanged
    raise DomainProblem(
        "the ledger was written with another signing key than this site's: put that key back from your backup; "
        "if it is lost for good, see docs/acts.md, 'A new key'"
    )


def changes_in(line: Mapping[str, Any]) -> list[KeyChange]:
    """The changes of a `key` line, oldest first; raises ValueError where they are none."""
    try:
        changes = [KeyChange.model_validate(change) for change in line["changes"]]
    except (ValidationError, KeyError, TypeError):
        raise ValueError("is no change of the site's key") from None
    following = all(before.new == after.old for before, after in pairwise(changes))
    if not changes or not following or not all(change.is_vouched or change.because for change in changes):
        raise ValueError("the change of the site's key is not signed by the old key")
    return changes


def ends_with(raw: bytes, key: VerifyingKey) -> bool:
    """Whether `key` signed the last whole line; an empty ledger is anybody's."""
    last = raw[: raw.rfind(b"\n") + 1].splitlines()[-1:]
    return not last or _is_signed(json.loads(last[0]), key)


def _leading_to(raw: bytes, key: VerifyingKey, changes: Sequence[KeyChange]) -> Sequence[KeyChange] | None:
    """Those of `changes` that lead from the key of the ledger's last line to `key`; None where none do."""
    for first, change in enumerate(changes):
        if ends_with(raw, VerifyingKey(change.old)):
            rest = list(changes[first:])
            last = next((i for i, one in enumerate(rest) if one.new == key.text), None)
            return None if last is None else rest[: last + 1]
    return None


def former_keys(raw: bytes) -> tuple[VerifyingKey, ...]:
    """The keys that signed earlier parts of the ledger."""
    changes = (change for _, line in chained(raw) if line["act"] == ACT for change in changes_in(line))
    return tuple(VerifyingKey(change.old) for change in changes)


def verify_ledger(path: Path, key: VerifyingKey) -> list[str]:
    """What is wrong with the ledger at `path`, in words; [] when its chain and every signature hold.

    `key` is the site's key of today.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        return [f"cannot be read: {error.strerror}"]
    problems, lines = [], []
    try:
        lines = [line for _, line in chained(raw)]
    except LedgerBroken as broken:
        problems.append(str(broken))
    problems += _wrong_signatures(lines, key)
    if raw and not raw.endswith(b"\n"):
        problems.append("the last line is cut short; the next start of the exporter completes it")
    return problems


def _wrong_signatures(lines: Sequence[Mapping[str, Any]], key: VerifyingKey) -> list[str]:
    """From the newest line back: each `key` line tells whose the lines before it are."""
    problems = []
    for line in reversed(lines):
        if not _is_signed(line, key):
            problems.append(f"line {line['number']}: the signature is not that of this site's key")
        if line["act"] != ACT:
            continue
        try:
            changes = changes_in(line)
        except ValueError as problem:
            problems.append(f"line {line['number']}: {problem}")
            break
        if changes[-1].new != key.text:
            problems.append(f"line {line['number']}: the change is to another key than the one that signed what follows")
        key = VerifyingKey(changes[0].old)
    return problems[::-1]


def _is_signed(line: Mapping[str, Any], key: VerifyingKey) -> bool:
    content = {name: value for name, value in line.items() if name != "signature"}
    try:
        signature = base64.b64decode(line.get("signature", ""), validate=True)
    except (binascii.Error, ValueError, TypeError):
        return False
    return key.verifies(signature, canonical_bytes(content))
