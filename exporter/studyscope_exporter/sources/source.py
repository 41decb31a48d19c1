"""What every kind of source is: something that brings the inventory up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Protocol, TypeVar

from studyscope_exporter.csv_table import NamesColumns
from studyscope_exporter.inventory import Inventory

S = TypeVar("S")


@dataclass(frozen=True)
class Finding:
    """One sentence of a source's self-check for the person at the site, and whether it stops the scan."""

    ok: bool
    message: str  # says what was seen; when not ok, also what to do or whom to ask


class Progress(Protocol):
    """Where a scan says how far it is: a bar on a terminal, a gauge on the local endpoint, or nothing."""

    def total(self, items: int | None) -> None:
        """How many items there are to look at, None while that is not known."""

    def advance(self, items: int = 1) -> None:
        """So many more were looked at."""


class NoProgress:
    """Says nothing."""

    def total(self, items: int | None) -> None:
        pass

    def advance(self, items: int = 1) -> None:
        pass


@dataclass
class ScanResult:
    """What one pass over one source did; counts of files or records, for the site's own log only."""

    seen: int = 0
    read: int = 0  # opened because new or changed
    removed: int = 0
    unreadable: dict[str, int] = field(default_factory=dict)  # by reason, e.g. "truncated", "no permission"
    ignored: dict[str, int] = field(default_factory=dict)  # by reason, e.g. "not DICOM", "our own object"
    unlinked: int = 0  # records without a patient; they enter no patient table
    to_mend: list[str] = field(default_factory=list)  # sentences for a person about single lines; they name nobody


class SourceUnavailable(NamesColumns):
    """The source as a whole could not be read; the inventory keeps what it had from it.

    `temporary` tells whether trying again later can help. The message tells site IT what to do.
    """

    def __init__(self, message: str, *, temporary: bool, there: Sequence[str] = ()) -> None:
        super().__init__(message, there)
        self.temporary = temporary


def says_when_unavailable(check: Callable[[S], list[Finding]]) -> Callable[[S], list[Finding]]:
    """A self-check whose one finding is why the source is unavailable, where it raises that."""

    @wraps(check)
    def checked(source: S) -> list[Finding]:
        try:
            return check(source)
        except SourceUnavailable as problem:
            return [Finding(False, problem.in_full)]

    return checked


class Source(Protocol):
    """One source of a site.

    `scan` brings `inventory` to what the source holds now: new and changed records are put, records
    that are gone are removed. An item that cannot be read is counted by reason and never stops
    the scan; a source that is down raises SourceUnavailable and removes nothing. `scan` may be
    interrupted (KeyboardInterrupt) at any moment: what was committed stays, the next pass resumes.
    Reading never writes into the source.
    """

    name: str  # as in the site file; unique there

    def check(self) -> list[Finding]: ...

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult: ...
