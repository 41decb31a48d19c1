"""A store in memory, for tests and trials: same semantics, no durability."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace

from studyscope_aggregator.store import Entry, HistoryMark, Last, Receipt, Refusals, Retraction, SequenceTaken, StoreUnavailable

Site = tuple[str, str]


class MemoryStore:
    """Loses everything with the process; `ReportStore` says the rest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[Site, list[Entry]] = {}
        self._retractions: list[Retraction] = []
        self._refusals: dict[tuple[str, str, str], Refusals] = {}
        self._marks: dict[Site, HistoryMark] = {}
        self._closed = False

    def append(self, entry: Entry) -> Future[None]:
        receipt = entry.receipt

        def write() -> None:
            entries = self._entries.setdefault((receipt.study, receipt.site), [])
            if entries and entries[-1].receipt.sequence >= receipt.sequence:
                raise SequenceTaken(receipt.study, receipt.site, receipt.sequence)
            entries.append(entry)

        return self._written(write)

    def receipt(self, study: str, site: str, sequence: int) -> Receipt | None:
        found = (entry.receipt for entry in self._of(study, site) if entry.receipt.sequence == sequence)
        return next(found, None)

    def last(self, study: str, site: str) -> Last | None:
        entries = self._of(study, site)
        return Last(entries[-1].receipt.sequence, entries[-1].grid_time) if entries else None

    def newest(self) -> Iterator[Entry]:
        with self._lock:
            sites = sorted(self._entries)
        for study, site in sites:
            entry = self.newest_of(study, site)
            if entry is not None:
                yield entry

    def heads(self) -> Mapping[tuple[str, str], int]:
        return {(entry.receipt.study, entry.receipt.site): entry.receipt.sequence for entry in self.newest()}

    def reports(self, study: str, site: str, after: int, limit: int) -> list[Entry]:
        hidden = [one for one in self.retractions() if (one.study, one.site) == (study, site)]
        return [
            entry
            for entry in self._of(study, site)
            if entry.receipt.sequence > after and not any(one.first <= entry.receipt.sequence <= one.last for one in hidden)
        ][:limit]

    def count_refusal(self, study: str, site: str, reason: str, at: dt.datetime, message: str) -> Future[None]:
        def write() -> None:
            before = self._refusals.get((study, site, reason))
            self._refusals[study, site, reason] = Refusals((before.count if before else 0) + 1, at, message)

        return self._written(write)

    def refusals(self) -> Mapping[tuple[str, str, str], Refusals]:
        with self._lock:
            return dict(self._refusals)

    def retract(self, study: str, site: str, first: int, last: int, why: str, at: dt.datetime) -> Future[None]:
        made = Retraction(len(self._retractions) + 1, study, site, first, last, why, at)
        return self._written(lambda: self._retractions.append(made))

    def purge(self, study: str, site: str, first: int, last: int, why: str, at: dt.datetime) -> Future[None]:
        def write() -> None:
            self._retractions.append(Retraction(len(self._retractions) + 1, study, site, first, last, why, at, purged=True))
            self._entries[study, site] = [
                replace(entry, body=b"") if first <= entry.receipt.sequence <= last else entry
                for entry in self._entries.get((study, site), [])
            ]

        return self._written(write)

    def retractions(self) -> list[Retraction]:
        with self._lock:
            return list(self._retractions)

    def set_in_history(self, retraction: int) -> Future[None]:
        def write() -> None:
            self._retractions = [replace(one, in_history=True) if one.number == retraction else one for one in self._retractions]

        return self._written(write)

    def entry(self, study: str, site: str, sequence: int) -> Entry | None:
        return next((one for one in self._of(study, site) if one.receipt.sequence == sequence and one.body), None)

    def newest_of(self, study: str, site: str) -> Entry | None:
        shown = self.reports(study, site, 0, len(self._of(study, site)))
        return shown[-1] if shown else None

    def grid_times(self, study: str, site: str, first: int) -> list[tuple[int, dt.datetime]]:
        return [(e.receipt.sequence, e.grid_time) for e in self._of(study, site) if e.receipt.sequence >= first]

    def history_mark(self, study: str, site: str) -> HistoryMark | None:
        return self._marks.get((study, site))

    def set_history_mark(self, study: str, site: str, mark: HistoryMark) -> Future[None]:
        return self._written(lambda: self._marks.__setitem__((study, site), mark))

    def ready(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def close(self) -> None:
        self._closed = True

    def _of(self, study: str, site: str) -> list[Entry]:
        self.ready()
        with self._lock:
            return list(self._entries.get((study, site), []))

    def _written(self, write: Callable[[], None]) -> Future[None]:
        self.ready()
        future: Future[None] = Future()
        try:
            with self._lock:
                write()
        except SequenceTaken as taken:
            future.set_exception(taken)
        else:
            future.set_result(None)
        return future
