"""The state as bytes: compact, compressed, and sealed with ChaCha20-Poly1305 (RFC 8439)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Parameters
from studyscope_exporter.disclosure.approval import Approval
from studyscope_exporter.disclosure.contributions import KEY_BYTES, Cell
from studyscope_exporter.disclosure.errors import DomainProblem
from studyscope_exporter.disclosure.history import Apart, Days, Release, TableVersion
from studyscope_exporter.disclosure.policy_signature import PolicySignature
from studyscope_exporter.disclosure.snapshot import Snapshot
from studyscope_exporter.disclosure.state import Asked, Clock, State, TableState, Waiting

FAMILY = b"studyscope-state-"
MAGIC = FAMILY + b"3\n"
READABLE = (MAGIC, FAMILY + b"2\n", FAMILY + b"1\n")
KEY_NAME_BYTES = 8
NONCE_BYTES = 12
_COMPRESSION = 1  # columns are long runs of few values: the fastest level finds them


class StateDamaged(Exception):
    """The bytes are not a whole state of this domain under this key."""


def seal(state: State, intent: bytes, *, key: bytes, domain: str) -> bytes:
    """The state and the `intent` (ledger lines to append once the state is on disk), sealed."""
    nonce = os.urandom(NONCE_BYTES)
    content = zlib.compress(_packed(state, intent), _COMPRESSION)
    head = MAGIC + _key_name(key)
    return head + nonce + ChaCha20Poly1305(key).encrypt(nonce, content, head + domain.encode())


def unseal(raw: bytes, *, key: bytes, domain: str) -> tuple[State, bytes]:
    """The state and intent in `raw`; raises StateDamaged, and DomainProblem for another key."""
    magic = next((one for one in READABLE if raw.startswith(one)), MAGIC)
    head = magic + _key_name(key)
    if raw.startswith(magic) and len(raw) > len(head) and not raw.startswith(head):
        raise DomainProblem("the state was sealed with another key; put back the site's identity file it was made with")
    if raw.startswith(FAMILY) and not raw.startswith(magic) and raw[len(FAMILY) : len(MAGIC) - 1].isdigit():
        raise DomainProblem(
            "the state is of a newer release: install that one again, or restore the backup from before the update; "
            "nothing was changed"
        )
    nonce, sealed = raw[len(head) : len(head) + NONCE_BYTES], raw[len(head) + NONCE_BYTES :]
    try:
        content = ChaCha20Poly1305(key).decrypt(nonce, sealed, head + domain.encode())
    except (InvalidTag, ValueError):
        raise StateDamaged from None
    return _unpacked(zlib.decompress(content))


def _key_name(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=KEY_NAME_BYTES, person=b"state key name").digest()


def _packed(state: State, intent: bytes) -> bytes:
    """A line of JSON, then the roster, then each column, in the order in which the JSON names them."""
    columns: list[Snapshot] = []

    def snapshot(one: Snapshot) -> dict[str, Any]:
        columns.append(one)
        return {"departed": _counts(one.departed), "gone": one.gone}

    def waiting(one: Waiting | None) -> dict[str, Any] | None:
        if one is None:
            return None
        snapshots = {str(key): snapshot(value) for key, value in one.snapshots.items()}
        return {"frozen_at": one.frozen_at, "due": one.due, "snapshots": snapshots}

    def table(one: TableState) -> dict[str, Any]:
        return {name: getattr(one, name) for name in _PLAIN_OF_TABLE} | {
            "clock": [one.clock.threshold, one.clock.delay_days],
            "snapshot": None if one.snapshot is None else snapshot(one.snapshot),
            "waiting": waiting(one.waiting),
            "shown": _counts(dict(one.shown)),
        }

    plain = {name: getattr(state, name) for name in _PLAIN}
    content = plain | {
        "tables": {str(key): table(value) for key, value in state.tables.items()},
        "waiting": waiting(state.waiting),
        "patients": len(state.roster),
        "answers": [sorted(answer) for answer in state.answers],
        "withdrawn": [mark.hex() for mark in sorted(state.withdrawn)],
        "policies": [signature.as_json() for signature in state.policies],
        "approvers": state.approvers,
        "approvals": [approval.as_json() for approval in state.approvals],
        "asked": {str(key): [one.since, one.timed_out] for key, one in state.asked.items()},
        "history": [_release(release) for release in state.history],
        "report": None if state.report is None else state.report.decode("ascii"),
        "parameters": None if state.parameters is None else state.parameters.model_dump(),
        "intent": base64.b64encode(intent).decode(),
    }
    size = np.dtype(np.int16 if len(state.answers) < 2**15 else np.int32).newbyteorder("<")
    content["size"] = size.itemsize
    raw = [json.dumps(content, separators=(",", ":")).encode(), b"\n", state.roster.tobytes()]
    return b"".join([*raw, *(one.column.astype(size).tobytes() for one in columns)])


_PLAIN = (
    "epoch",
    "generation",
    "holds",
    "activity",
    "overtaken",
    "sequence",
    "grid_point",
    "policy",
    "every_days",
    "at_hour",
    "delay_days",
    "counts",
    "reported",
)


_PLAIN_OF_TABLE = (
    "epoch",
    "version",
    "released",
    "terms",
    "last_terms",
    "leaving_since",
    "retired",
    "reopen_over",
    "counted_by",
    "signed_since",
    "signed_before",
)


_SINCE_FORMAT_1: dict[str, Any] = {
    "generation": 0,
    "activity": "active",
    "overtaken": False,
    "policies": [],
    "approvers": [],
    "counts": "",
    "reported": [],
    "asked": {},
}
"""What states of earlier releases did not say, as it was then."""


def _unpacked(raw: bytes) -> tuple[State, bytes]:
    line = raw.index(b"\n")
    content: dict[str, Any] = _SINCE_FORMAT_1 | json.loads(raw[:line])
    patients, size = content["patients"], content["size"]
    at = line + 1 + patients * KEY_BYTES
    roster = np.frombuffer(raw[line + 1 : at], dtype=f"S{KEY_BYTES}")

    def snapshot(one: Mapping[str, Any]) -> Snapshot:
        nonlocal at
        column = np.frombuffer(raw, dtype=f"<i{size}", count=patients, offset=at).astype(np.int32)
        at += patients * size
        return Snapshot(column, _cells(one["departed"]), one["gone"])

    def waiting(one: Mapping[str, Any] | None) -> Waiting | None:
        if one is None:
            return None
        snapshots = {TableKey.parse(key): snapshot(value) for key, value in one["snapshots"].items()}
        return Waiting(one["frozen_at"], one["due"], snapshots)

    def table(one: dict[str, Any]) -> TableState:
        clock, before = Clock(*one.pop("clock")), one.pop("snapshot")
        now = None if before is None else snapshot(before)
        later, shown = waiting(one.pop("waiting")), _cells(one.pop("shown"))
        return TableState(clock, snapshot=now, waiting=later, shown=tuple(shown.items()), **one)

    state = State(
        tables={TableKey.parse(key): table(value) for key, value in content["tables"].items()},
        waiting=waiting(content["waiting"]),
        roster=roster,
        answers=tuple(frozenset(tuple(cell) for cell in answer) for answer in content["answers"]),
        withdrawn=frozenset(bytes.fromhex(mark) for mark in content["withdrawn"]),
        policies=tuple(PolicySignature(**signature) for signature in content["policies"]),
        approvers=tuple((name, key) for name, key in content["approvers"]),
        approvals=tuple(Approval(**approval) for approval in content["approvals"]),
        asked={TableKey.parse(key): Asked(*one) for key, one in content["asked"].items()},
        history=tuple(_read_release(release) for release in content["history"]),
        report=None if content["report"] is None else content["report"].encode("ascii"),
        parameters=None if content["parameters"] is None else Parameters(**content["parameters"]),
        **{name: content[name] for name in _PLAIN} | {"reported": tuple(content["reported"])},
    )
    return state, base64.b64decode(content["intent"])


def _counts(counts: Mapping[Cell, int]) -> list[list[Any]]:
    return [[list(cell), count] for cell, count in counts.items()]


def _cells(counts: list[list[Any]]) -> dict[Cell, int]:
    return {tuple(cell): count for cell, count in counts}


def _release(release: Release) -> dict[str, Any]:
    tables = [
        [str(one.key), one.epoch, one.codes, _counts(one.shown), _counts(one.exact), one.patients, *_besides(one)]
        for one in release.tables
    ]
    known = {"reported": {str(key): _counts(counts) for key, counts in release.reported.items()}} if release.reported else {}
    return {"grid_point": release.grid_point, "parameters": release.parameters.model_dump(), "tables": tables} | known


def _besides(one: TableVersion) -> list[Any]:
    """What releases before this one did not keep."""
    apart = {study: [each.patients, _counts(each.cells)] for study, each in one.apart.items()}
    return [apart, None if one.days is None else [one.days.members, one.days.answers]]


def _read_release(release: Mapping[str, Any]) -> Release:
    tables = tuple(
        TableVersion(
            TableKey.parse(key), epoch, tuple(tuple(cell) for cell in codes), _cells(shown), _cells(exact), patients,
            *_read_besides(*besides),
        )
        for key, epoch, codes, shown, exact, patients, *besides in release["tables"]
    )  # fmt: skip
    known = {TableKey.parse(key): _cells(counts) for key, counts in release.get("reported", {}).items()}
    return Release(release["grid_point"], Parameters(**release["parameters"]), tables, known)


def _read_besides(
    apart: Mapping[str, list[Any]] = MappingProxyType({}), days: list[int] | None = None
) -> tuple[dict[str, Apart], Days | None]:
    known = {study: Apart(patients, _cells(counts)) for study, (patients, counts) in apart.items()}
    return known, None if days is None else Days(*days)
