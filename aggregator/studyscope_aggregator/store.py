"""What every store of reports does.

StoreUnavailable     the store cannot be read or written now; nothing was acknowledged
SequenceTaken        another report with this or a later sequence number was stored first
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol


class StoreUnavailable(Exception):
    """The store does not work now; the message says what its administrator can do."""


class SequenceTaken(Exception):
    """The site has a stored report with this or a later sequence number."""

    def __init__(self, study: str, site: str, sequence: int) -> None:
        super().__init__(f"{study}/{site} has a report {sequence} or later: judge the report again")
        self.study, self.site, self.sequence = study, site, sequence


@dataclass(frozen=True)
class Receipt:
    """What a site is told about a report that was accepted; given once, repeated to duplicates."""

    study: str
    site: str
    sequence: int
    grid_point: int
    sha256: str
    accepted_at: dt.datetime


@dataclass(frozen=True)
class Entry:
    """An accepted report as it is stored: the receipt, the exact bytes, and since when the site has its activity."""

    receipt: Receipt
    body: bytes
    grid_time: dt.datetime
    activity_since: dt.datetime


@dataclass(frozen=True)
class Last:
    """The report after which the next one of a site has to come."""

    sequence: int
    grid_time: dt.datetime


@dataclass(frozen=True)
class Refusals:
    """Refused reports of one site for one reason."""

    count: int
    last_at: dt.datetime
    last_message: str


@dataclass(frozen=True)
class HistoryMark:
    """How far the history of one site is written: the report that gave the last sample, and that sample's UTC day."""

    sequence: int
    day: dt.date


@dataclass(frozen=True)
class Retraction:
    """A span of a site's reports that does not count any more, by sequence numbers, both ends in it.

    `purged`: the reports themselves are gone, only their receipts are kept. `in_history`: the marker
    series says so on every day of the span.
    """

    number: int
    study: str
    site: str
    first: int
    last: int
    why: str
    at: dt.datetime
    purged: bool = False
    in_history: bool = False


class ReportStore(Protocol):
    """Keeps every accepted report.

    Order: reports of one site in one study are ordered by sequence number; `append` takes only a
    number greater than every stored one and decides that atomically, also between several
    processes on one store. Across sites there is no order.

    Durability: the future of `append` or `count_refusal` is done only when what it wrote survives a
    power cut. A future that fails with StoreUnavailable may or may not have been written; sending
    the same report again is always right, because the second one is recognised by its receipt.

    Ownership: bytes and records that are returned are the caller's; none of them is a view.

    Retraction: a span of reports that was retracted stays stored and its receipts stay valid, but
    `newest` and `reports` pass over it.

    Reads see every write whose future is done. All methods may be called from any thread. After
    `close`, writes that wait are finished and later calls raise StoreUnavailable.
    """

    def append(self, entry: Entry) -> Future[None]:
        """Stores an accepted report. The future fails with SequenceTaken or StoreUnavailable."""

    def receipt(self, study: str, site: str, sequence: int) -> Receipt | None:
        """The receipt of one report, also of a retracted one."""

    def last(self, study: str, site: str) -> Last | None:
        """The report with the greatest sequence number ever accepted, also a retracted one."""

    def newest(self) -> Iterator[Entry]:
        """The newest report of every site of every study that is not retracted."""

    def heads(self) -> Mapping[tuple[str, str], int]:
        """The greatest sequence number of each (study, site) that is not retracted: what `newest` would give."""

    def reports(self, study: str, site: str, after: int, limit: int) -> list[Entry]:
        """Reports with a greater sequence number than `after`, oldest first, at most `limit`."""

    def count_refusal(self, study: str, site: str, reason: str, at: dt.datetime, message: str) -> Future[None]:
        """Adds one refusal; the newest message is kept."""

    def refusals(self) -> Mapping[tuple[str, str, str], Refusals]:
        """All refusals by (study, site, reason)."""

    def retract(self, study: str, site: str, first: int, last: int, why: str, at: dt.datetime) -> Future[None]:
        """Marks the reports first..last as retracted; a mark is never taken back."""

    def purge(self, study: str, site: str, first: int, last: int, why: str, at: dt.datetime) -> Future[None]:
        """Retracts the reports first..last and deletes what stands in them; receipts and sequence numbers stay."""

    def retractions(self) -> list[Retraction]:
        """All of them, in the order in which they were made."""

    def set_in_history(self, retraction: int) -> Future[None]:
        """The marker series of the retraction with this number was taken by the receiver."""

    def newest_of(self, study: str, site: str) -> Entry | None:
        """The newest report of one site that is not retracted."""

    def entry(self, study: str, site: str, sequence: int) -> Entry | None:
        """One report, also a retracted one; None where it was never stored or was purged."""

    def grid_times(self, study: str, site: str, first: int) -> list[tuple[int, dt.datetime]]:
        """Sequence number and grid time of every report from `first` on, retracted or not, in order."""

    def history_mark(self, study: str, site: str) -> HistoryMark | None:
        """How far history is written; None before its first sample."""

    def set_history_mark(self, study: str, site: str, mark: HistoryMark) -> Future[None]:
        """Moves the mark; called after the receiver has taken the samples."""

    def ready(self) -> None:
        """Returns when a write would be possible; raises StoreUnavailable."""

    def close(self) -> None:
        """Finishes what waits and lets go of the store."""
