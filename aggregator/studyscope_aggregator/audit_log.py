"""Every administrative act at the centre: one line each, chained, never rewritten."""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyscope_aggregator.registry import AUDIT_FILE

_BEGINNING = "0" * 64


@dataclass(frozen=True)
class Act:
    """Who did what, and when."""

    at: dt.datetime
    by: str
    act: str
    facts: Mapping[str, Any]


class AuditLog:
    """The acts in the file of a registry folder; each line holds the hash of the one before it.

    Several programs may write: every line is appended under a lock and is on the disk before `record` returns.
    """

    def __init__(self, registry: Path) -> None:
        self.path = registry / AUDIT_FILE

    def record(self, act: Act) -> None:
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            lines = file.read().splitlines()
            before = hashlib.sha256(lines[-1]).hexdigest() if lines else _BEGINNING
            content = {"at": act.at.isoformat(), "by": act.by, "act": act.act, "facts": dict(act.facts), "before": before}
            file.write(json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def acts(self) -> list[Act]:
        """All acts, oldest first."""
        found = [json.loads(line) for line in self._lines()]
        return [Act(dt.datetime.fromisoformat(one["at"]), one["by"], one["act"], one["facts"]) for one in found]

    def first_broken_line(self) -> int | None:
        """Number of the first line that does not follow the one before it; None while the chain is whole."""
        before = _BEGINNING
        for number, line in enumerate(self._lines(), 1):
            try:
                fits = json.loads(line)["before"] == before
            except (ValueError, KeyError, TypeError):
                fits = False
            if not fits:
                return number
            before = hashlib.sha256(line).hexdigest()
        return None

    def _lines(self) -> list[bytes]:
        return self.path.read_bytes().splitlines() if self.path.exists() else []
