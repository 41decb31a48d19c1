"""One pass over a log or table of jobs, and what is kept for the next one."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from studyscope_exporter import job_csv, job_sql
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.job_csv import CsvFormat
from studyscope_exporter.job_events import BadLine, EventReader, JobEvent
from studyscope_exporter.job_filing import JobFiling
from studyscope_exporter.job_log import Line, Place, lines, logs_to_read, place_at
from studyscope_exporter.job_sql import SqlQuery
from studyscope_exporter.job_table import Row
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.source import Progress, ScanResult
from studyscope_exporter.waiting_jobs import WaitingJobs

LINES_PER_COMMIT = 2000


@dataclass
class JobNote:
    """What is kept between passes."""

    reads_as: str = ""
    place: Place = field(default_factory=Place)  # in a log
    stamp: str = ""  # of a CSV file as it was read
    since: str | None = None  # of a database
    bad: dict[str, int] = field(default_factory=dict)
    waiting: WaitingJobs = field(default_factory=WaitingJobs)

    @classmethod
    def parse(cls, raw: bytes) -> JobNote:
        if not raw:
            return cls()
        kept = json.loads(raw)
        waiting = WaitingJobs.parse(kept.pop("waiting_jobs", {}))
        known = {name: kept[name] for name in ("reads_as", "stamp", "since", "bad") if name in kept}
        return cls(**known, place=Place(**kept["place"]), waiting=waiting)

    def packed(self) -> bytes:
        kept = {name: getattr(self, name) for name in ("reads_as", "stamp", "since", "bad")}
        return json.dumps(kept | {"place": asdict(self.place), "waiting_jobs": self.waiting.by_item}).encode()

    def count(self, reason: str) -> None:
        self.bad[reason] = self.bad.get(reason, 0) + 1


@dataclass
class JobPass:
    """Reads what is new or changed into the inventory, commit by commit."""

    source: str
    pseudonyms: Pseudonyms
    inventory: Inventory
    reader: EventReader
    note: JobNote
    progress: Progress
    result: ScanResult = field(default_factory=ScanResult)

    def read_log(self, log: Path) -> None:
        """From where the last pass ended; raises OSError."""
        for path, offset in logs_to_read(log, self.note.place):
            if offset == 0:
                self.note.bad = {}
            for some in _in_pieces(lines(path, offset), LINES_PER_COMMIT):
                # Lines and the place behind them in one transaction: a kill neither loses nor repeats one.
                with self.inventory.batch():
                    self._file(line.content for line in some if line.content is None or line.content.strip())
                    self.note.place = place_at(path, some[-1].end)
                    self._keep()
                self.result.read += len(some)
                self._looked_at(len(some))

    def read_csv(self, path: Path, how: CsvFormat) -> None:
        """All of it, when the file has changed; raises TableUnusable, OSError."""
        stamp = job_csv.stamp_of(path)
        if stamp == self.note.stamp:
            return
        self.note.stamp, self.note.bad = "", {}
        reader = self.reader
        self._read_table(job_csv.rows(path, how, reader.fields, reader.workflow, self.note.count))
        self.note.stamp = stamp

    def read_sql(self, how: SqlQuery, now: dt.datetime) -> None:
        """What the query gives since the last whole pass; raises TableUnusable."""
        since = dt.datetime.fromisoformat(self.note.since) if self.note.since else None
        self.note.bad = {}
        self._read_table(job_sql.rows(how, since, self.reader.fields, self.reader.workflow))
        self.note.since = (now - dt.timedelta(hours=how.overlap_hours)).isoformat()

    def finish(self) -> ScanResult:
        """Links what waited for its patient, and keeps the note."""
        with self.inventory.batch():
            self.note.waiting.link(self.inventory, self.source)
            self._keep()
        self.result.unreadable = dict(self.note.bad)
        self.result.unlinked = self.inventory.unlinked(self.source)
        return self.result

    def _read_table(self, pieces: Iterable[list[Row]]) -> None:
        for rows in pieces:
            with self.inventory.batch():
                self.result.read += self._file(rows)
                self._keep()
            self._looked_at(len(rows))

    def _file(self, said: Iterable[bytes | None] | Iterable[Row]) -> int:
        filing = JobFiling(self.source, self.pseudonyms, self.inventory, self.note.waiting)
        return filing.file(events_of(said, self.reader, self.note.count))

    def _keep(self) -> None:
        self.inventory.keep_note(self.source, self.note.packed())

    def _looked_at(self, lines_or_rows: int) -> None:
        self.result.seen += lines_or_rows
        self.progress.advance(lines_or_rows)


def events_of(
    said: Iterable[bytes | None] | Iterable[Row], reader: EventReader, bad: Callable[[str], None] = lambda _: None
) -> Iterator[JobEvent]:
    """Events of lines (None: one that is too long) or rows; `bad` is told why one is none."""
    for one in said:
        try:
            yield _event(one, reader)
        except BadLine as problem:
            bad(problem.reason)


def _event(one: bytes | Mapping[str, Any] | None, reader: EventReader) -> JobEvent:
    if one is None:
        raise BadLine("too long")
    return reader.read(one) if isinstance(one, bytes) else reader.of(one)


def _in_pieces(log: Iterator[Line], size: int) -> Iterator[list[Line]]:
    while piece := list(itertools.islice(log, size)):
        yield piece
