"""Scans of a site: what one pass over a source gave, and what is remembered of the last whole one."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studyscope_exporter.inventory import Inventory
from studyscope_exporter.sources.source import Progress, ScanResult, Source, SourceUnavailable

log = logging.getLogger(__name__)

_FINISHED = "finished scan"


@dataclass(frozen=True)
class SourceOutcome:
    """What one pass over one source gave: a result, or why there is none."""

    name: str
    kind: str
    result: ScanResult | None
    problem: str | None = None


def passed_over(source: Source, kind: str, inventory: Inventory, progress: Progress) -> SourceOutcome:
    """One pass over one source; what is wrong with it stands in the log, and ends nothing."""
    try:
        result = source.scan(inventory, progress)
    except SourceUnavailable as error:
        problem = str(error).removeprefix(f"Source {source.name}: ")
        log.warning("source %s: %s", source.name, problem)
        return SourceOutcome(source.name, kind, None, problem)
    for sentence in result.to_mend:
        log.warning("source %s: %s", source.name, sentence)
    return SourceOutcome(source.name, kind, result)


@dataclass(frozen=True)
class LastScan:
    """Kept in the site's state folder and, so that an inventory that was made anew knows of none, in the inventory."""

    state: Path
    inventory: Inventory = field(repr=False)

    def begin(self) -> None:
        self._unfinished.touch()

    def finish(self, at: dt.datetime, outcomes: Sequence[SourceOutcome]) -> None:
        self.inventory.keep_note(_FINISHED, at.isoformat().encode())
        to_mend = {one.name: one.result.to_mend for one in outcomes if one.result and one.result.to_mend}
        facts = {"at": at.isoformat(), "sources": {one.name: one.problem for one in outcomes}, "to_mend": to_mend}
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(facts), encoding="utf-8")
        os.replace(new, self._file)  # noqa: PTH105 - the atomic one on every platform
        self._unfinished.unlink()

    def remembered(self) -> dict[str, Any]:
        """`at`, `sources` (problem or None by name) and `to_mend` (sentences by name); empty where none finished."""
        try:
            found: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # none yet, or one that a power cut left half written
            return {}
        return found

    def is_whole(self) -> bool:
        """Whether the inventory is what the last scan found, whole.

        An inventory that was made anew since, by an update or because its file was gone, knows of no scan:
        until the next one finishes, its empty tables are no news about anybody.
        """
        if self._unfinished.exists():
            return False
        at = self.remembered().get("at")
        return at is not None and self.inventory.note(_FINISHED) == at.encode()

    def age(self, now: dt.datetime) -> dt.timedelta | None:
        at = self.remembered().get("at")
        return None if at is None else now - dt.datetime.fromisoformat(at)

    @property
    def _file(self) -> Path:
        return self.state / "last-scan.json"

    @property
    def _unfinished(self) -> Path:
        """A file that is there while a scan runs, and after one that was cut short."""
        return self.state / "scan-unfinished"
