"""The folder of a domain: the sealed state, the ledger, and how both move together.

The state is written ahead: it carries the ledger lines that belong to it, so its rename is the one
moment at which a change happens. Opening the folder appends what a crash left out.

    state.bin       the sealed state, with the lines to append and where to append them
    ledger.jsonl    the ledger
    frozen.json     the last report of a domain whose state is lost
    lock            held while a process reads or moves the others
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studyscope_exporter.disclosure.errors import DomainInUse, DomainProblem
from studyscope_exporter.disclosure.files import Files, replaced
from studyscope_exporter.disclosure.ledger import Head, LedgerBroken, end_of
from studyscope_exporter.disclosure.state import State
from studyscope_exporter.disclosure.state_file import StateDamaged, seal, unseal

STATE, LEDGER, FROZEN = "state.bin", "ledger.jsonl", "frozen.json"

MISSING: Final = "its state file is missing"
DAMAGED: Final = "its state file is damaged"
BEHIND: Final = "its state is older than its ledger: an old copy was put back"
SHORT: Final = "its ledger lacks lines that the state knows of"


class Lock:
    """Makes processes take turns in a folder; the system lets go of it when its holder dies.

    Held for one operation, so that people can look and approve while the service runs.
    """

    def __init__(self, folder: Path, patience_seconds: float = 30.0) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._patience = folder, patience_seconds

    @contextmanager
    def held(self) -> Iterator[None]:
        """Waits for its turn; raises DomainInUse when that does not come."""
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        end = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise DomainInUse(self._folder) from None
                time.sleep(0.02)
            else:
                return


@dataclass(frozen=True, repr=False)
class Loaded:
    """What the folder holds: `state` None in a new folder, or with `frozen` saying why there is none."""

    state: State | None
    ledger: bytes
    head: Head
    frozen: str | None = None


class Store:
    """Reads and moves a domain's folder. `domain` names it, so that no other domain's state is taken for it."""

    def __init__(self, files: Files, *, key: bytes, domain: str) -> None:
        self._files, self._key, self._domain = files, key, domain

    def sealed(self) -> bytes | None:
        """The state file as it is; equal bytes mean that nothing moved."""
        return self._files.read(STATE)

    def load(self) -> Loaded:
        """What is on disk, an interrupted change completed first; raises DomainProblem."""
        ledger, sealed = self._files.read(LEDGER) or b"", self._files.read(STATE)
        try:
            head = end_of(ledger)
        except LedgerBroken as broken:
            raise DomainProblem(f"the ledger is damaged, {broken}; put back the last copy that `ledger` calls whole") from None
        if sealed is None:
            return Loaded(None, ledger[: head.size], head, MISSING if ledger else None)
        try:
            state, intent = unseal(sealed, key=self._key, domain=self._domain)
        except StateDamaged:
            return Loaded(None, ledger[: head.size], head, DAMAGED)
        return self._completed(state, intent, ledger, head)

    def _completed(self, state: State, intent: bytes, ledger: bytes, head: Head) -> Loaded:
        """The ledger with the lines that the state was committed with, or why both cannot belong together."""
        place = json.loads(intent)
        size, lines = place["size"], place["lines"].encode("ascii")
        whole, due = ledger[: head.size], size + len(lines)
        if len(whole) < size or end_of(whole[:size]).hash != place["before"]:
            return Loaded(None, whole, head, SHORT)
        if len(whole) > due or not lines.startswith(whole[size:]):
            return Loaded(None, whole, head, BEHIND)
        if len(whole) < due or len(ledger) > due:
            self._append(size, len(ledger), lines)
            whole = whole[:size] + lines
        return Loaded(state, whole, end_of(whole))

    def commit(self, state: State, lines: bytes, before: Head) -> None:
        """Puts the state in place and then its lines at the end of the ledger."""
        intent = json.dumps({"size": before.size, "before": before.hash, "lines": lines.decode("ascii")}).encode()
        replaced(self._files, STATE, seal(state, intent, key=self._key, domain=self._domain))
        self._append(before.size, before.size, lines)

    def commit_recovered(self, state: State, lines: bytes, before: Head, aside: str | None) -> None:
        """For a new generation: the lines follow `before`, or begin a new ledger, the old one kept under the name `aside`.

        A crash in between leaves the old state, or one that is frozen and can be recovered again.
        """
        ledger = self._files.read(LEDGER) or b""
        if aside is not None:
            replaced(self._files, aside, ledger)
        start = Head() if aside is not None else before
        intent = json.dumps({"size": start.size, "before": start.hash, "lines": lines.decode("ascii")}).encode()
        replaced(self._files, STATE, seal(state, intent, key=self._key, domain=self._domain))
        replaced(self._files, LEDGER, ledger[: start.size] + lines)

    def commit_frozen(self, report: bytes | None, lines: bytes, before: Head) -> None:
        """For a domain without state: the report first, so that its bytes are never made twice."""
        if report is not None:
            replaced(self._files, FROZEN, report)
        self._append(before.size, len(self._files.read(LEDGER) or b""), lines)

    def frozen_report(self) -> bytes | None:
        return self._files.read(FROZEN)

    def _append(self, size: int, on_disk: int, lines: bytes) -> None:
        if on_disk > size:
            self._files.truncate(LEDGER, size)
        self._files.append(LEDGER, lines)
        self._files.sync(LEDGER)
        if size == 0:
            self._files.sync_folder()
