"""A store in memory, for tests and trials: same semantics, no durability."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future

from studyscope_aggregator.store import Entry, HistoryMark, Last, Receipt, Refusals, SequenceTaken, StoreUnavailable

Site = tuple[str, str]


class MemoryStore:
    """Loses everything with the process; `ReportStore` says the rest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[Site, list[Entry]] = {}
        self._retracted: dict[Site, list[tuple[int, int, str]]] = {}
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
            shown = self.reports(study, site, 0, len(self._of(study, site)))
            if shown:
                yield shown[-1]

    def heads(self) -> Mapping[tuple[str, str], int]:
        return {(entry.receipt.study, entry.receipt.site): entry.receipt.sequence for entry in self.newest()}

    def reports(self, study: str, site: str, after: int, limit: int) -> list[Entry]:
        entries = self._of(study, site)
        spans = self._retracted.get((study, site), [])
        return [
            entry
            for entry in entries
            if entry.receipt.sequence > after and not any(first <= entry.receipt.sequence <= last for first, last, _ in spans)
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
        del at

        def write() -> None:
            self._retracted.setdefault((study, site), []).append((first, last, why))

        return self._written(write)

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
