"""A patient who withdraws: erased from the state at once, kept out for good by a mark (privacy.md 2.3)."""

from __future__ import annotations

import base64
import os
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from studyscope_contract.metric import TableKey
from studyscope_exporter.disclosure.census import ABSENT
from studyscope_exporter.disclosure.contributions import KEY_BYTES, Contributions
from studyscope_exporter.disclosure.errors import DomainProblem
from studyscope_exporter.disclosure.ledger import chained
from studyscope_exporter.disclosure.reporting import is_shown
from studyscope_exporter.disclosure.state import State, without_patient
from studyscope_exporter.disclosure.terms import Terms

_NONCE_BYTES = 12
_ABOUT = b"withdrawn"


@dataclass(frozen=True)
class Withdrawal:
    """What withdrawing one patient did. `new` is False when it was done before.

    `shown_in`: the tables whose published numbers count them until they move; for the site's own eyes.
    """

    new: bool
    shown_in: tuple[TableKey, ...] = field(default=(), repr=False)


def withdrawn(state: State, patient: bytes, mark: bytes, terms: Terms) -> tuple[State, Withdrawal]:
    """The state without the patient (key of 16 bytes), and what that did; raises DomainProblem."""
    if len(patient) != KEY_BYTES:
        raise DomainProblem(f"a patient key has {KEY_BYTES} bytes")
    if mark in state.withdrawn:
        return state, Withdrawal(new=False)
    return without_patient(state, patient, mark), Withdrawal(new=True, shown_in=_shown_with(state, patient, terms))


def without_these(contributions: Contributions, patients: Collection[bytes]) -> Contributions:
    """The contributions of everybody else."""
    if not patients:
        return contributions
    tables = {
        key: {patient: cells for patient, cells in answers.items() if patient not in patients}
        for key, answers in contributions.tables.items()
    }
    return replace(contributions, tables=tables)


def sealed_mark(mark: bytes, key: bytes) -> str:
    """The mark for the ledger's line: of no use to anybody without the site's secret, of use where the state is lost."""
    nonce = os.urandom(_NONCE_BYTES)
    return base64.b64encode(nonce + ChaCha20Poly1305(key).encrypt(nonce, mark, _ABOUT)).decode()


def marks_in(ledger: bytes, key: bytes) -> frozenset[bytes]:
    """The marks of everybody who withdrew, from the ledger's lines."""
    sealed = [base64.b64decode(line["mark"]) for _, line in chained(ledger) if line["act"] == "withdrawal"]
    return frozenset(ChaCha20Poly1305(key).decrypt(one[:_NONCE_BYTES], one[_NONCE_BYTES:], _ABOUT) for one in sealed)


def _shown_with(state: State, patient: bytes, terms: Terms) -> tuple[TableKey, ...]:
    index = int(np.searchsorted(state.roster, np.bytes_(patient)))
    if index == len(state.roster) or state.roster[index] != np.bytes_(patient):
        return ()
    found = []
    for key in terms.tables:
        if key in terms.reported:  # an exact number is another one at the next grid point
            continue
        snapshot = state.table(key).snapshot
        if snapshot is not None and snapshot.column[index] != ABSENT and is_shown(key, state, terms):
            found.append(key)
    return tuple(found)
