"""Inference jobs from a log of JSON lines, one event per line."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from studyscope_contract.names import Slug
from studyscope_contract.vocabulary import FAILURE_REASONS, JOB_OUTCOMES
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.job_events import BadLine, EventReader, JobEvent, JobFields
from studyscope_exporter.job_log import Line, Place, lines, logs_to_read, place_at
from studyscope_exporter.job_words import words_of
from studyscope_exporter.linking import CsvLink, FieldLink, Link, LinkProblem, PatternLink
from studyscope_exporter.records import Job
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable
from studyscope_exporter.waiting_jobs import WaitingJobs

LINES_PER_COMMIT = 2000
_READS_AS = b"jobs 2"  # to be raised when lines are read differently, so that the log is read anew


class Settings(Strict):
    """Where the log is and what its fields are called.

    A job that runs for too long is not decided here: the study says how long, and the collectors count.
    """

    name: Slug
    kind: Literal["jobs"]
    path: SitePath
    fields: JobFields = JobFields()
    workflow: str = Field(default="", max_length=200, description="the workflow's id where the log names none")
    outcomes: dict[str, str] = Field(default_factory=dict, description="state in the log -> outcome, besides the known words")
    reasons: dict[str, str] = Field(default_factory=dict, description="reason in the log -> failure reason")
    link: PatternLink | CsvLink | FieldLink | None = Field(
        default=None,
        discriminator="by",
        description="on the id or a field; the fields patient, study, series when left out",
    )

    @field_validator("outcomes", "reasons")
    @classmethod
    def _are_codes(cls, words: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        allowed = [code for code in JOB_OUTCOMES if code != "stuck"] if info.field_name == "outcomes" else list(FAILURE_REASONS)
        for code in words.values():
            if code not in allowed:
                raise ValueError(f"unknown code {code!r}; allowed: {', '.join(allowed)}")
        return {words_of(word): code for word, code in words.items()}


@dataclass
class _Note:
    """What is kept between passes."""

    reads_as: str = ""
    place: Place = field(default_factory=Place)
    bad: dict[str, int] = field(default_factory=dict)
    waiting: WaitingJobs = field(default_factory=WaitingJobs)

    @classmethod
    def parse(cls, raw: bytes) -> _Note:
        if not raw:
            return cls()
        kept = json.loads(raw)
        return cls(kept["reads_as"], Place(**kept["place"]), kept["bad"], WaitingJobs.parse(kept.get("waiting_jobs", {})))

    def packed(self) -> bytes:
        kept = {"reads_as": self.reads_as, "place": asdict(self.place), "bad": self.bad, "waiting_jobs": self.waiting.by_item}
        return json.dumps(kept).encode()


@dataclass(frozen=True)
class JobsSource:
    """The source of that kind; see Source.

    Each run (id) is an item of the inventory. Runs of one workflow on one input are one job, because
    their job_key is made of both; the inventory counts the run with the latest time. A log that was
    rotated away leaves its jobs in the inventory: they happened.
    """

    settings: Settings
    site: SiteContext

    @property
    def name(self) -> str:
        return self.settings.name

    def check(self) -> list[Finding]:
        try:
            self._reader()
            with self.settings.path.open("rb"):
                return [Finding(True, f"{self.settings.path} can be read")]
        except (LinkProblem, OSError) as problem:
            return [Finding(False, f"{problem}; is the path right, and may the exporter's user read it?")]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        try:
            reader = self._reader()
        except LinkProblem as problem:
            raise SourceUnavailable(f"Source {self.name}: {problem}", temporary=False) from None
        note = self._note(inventory, reader)
        result = ScanResult()
        progress.total(None)
        try:
            for path, offset in logs_to_read(self.settings.path, note.place):
                self._read(path, offset, reader, inventory, note, result, progress)
        except OSError as error:
            raise SourceUnavailable(
                f"Source {self.name}: its log cannot be read ({error.strerror}). Is the path right, and may we read it?",
                temporary=True,
            ) from None
        with inventory.batch():
            if note.waiting.link(inventory, self.name):
                inventory.keep_note(self.name, note.packed())
        result.unreadable = dict(note.bad)
        result.unlinked = inventory.unlinked(self.name)
        return result

    def identifiers(self, items: Collection[bytes]) -> dict[bytes, str]:
        """The runs' own ids, from the log as it is now."""
        named: dict[bytes, str] = {}
        try:
            reader = self._reader()
            for path, offset in logs_to_read(self.settings.path, Place()):
                for line in lines(path, offset):
                    try:
                        event = reader.read(line.content or b"")
                    except BadLine:
                        continue
                    run = self.site.pseudonyms.job(self.name, event.workflow, event.id)
                    if run in items:
                        named[run] = f"job {event.id} of {event.workflow} in {path}"
        except (LinkProblem, OSError):
            return named
        return named

    def _reader(self) -> EventReader:
        settings = self.settings
        link = Link.opened(settings.link, self.site.pseudonyms)
        return EventReader(settings.fields, link, settings.workflow, settings.outcomes, settings.reasons)

    def _note(self, inventory: Inventory, reader: EventReader) -> _Note:
        settings = self.settings.model_dump_json().encode()
        reads_as = hashlib.blake2b(_READS_AS + settings + reader.link.digest, digest_size=16).hexdigest()
        note = _Note.parse(inventory.note(self.name))
        return note if note.reads_as == reads_as else _Note(reads_as)

    def _read(
        self,
        path: Path,
        offset: int,
        reader: EventReader,
        inventory: Inventory,
        note: _Note,
        result: ScanResult,
        progress: Progress,
    ) -> None:
        if offset == 0:
            note.bad = {}
        for some in _in_pieces(lines(path, offset), LINES_PER_COMMIT):
            # Lines and the place behind them in one transaction: a kill neither loses nor repeats one.
            with inventory.batch():
                for line in some:
                    self._take(line, reader, inventory, note)
                note.place = place_at(path, some[-1].end)
                inventory.keep_note(self.name, note.packed())
            result.seen += len(some)
            result.read += len(some)
            progress.advance(len(some))

    def _take(self, line: Line, reader: EventReader, inventory: Inventory, note: _Note) -> None:
        if line.content is not None and not line.content.strip():
            return
        try:
            if line.content is None:
                raise BadLine("too long")
            event = reader.read(line.content)
        except BadLine as bad:
            note.bad[bad.reason] = note.bad.get(bad.reason, 0) + 1
            return
        run = self.site.pseudonyms.job(self.name, event.workflow, event.id)
        job = self._job(run, event, inventory)
        inventory.put(self.name, run, [job])
        if job.patient_key is not None or event.linked:
            note.waiting.took(run, {job: event.linked})

    def _job(self, run: bytes, event: JobEvent, inventory: Inventory) -> Job:
        """The run after this event: what the event does not say stays as it was."""
        before, linked = next(iter(inventory.jobs(self.name, run)), None), event.linked
        patient = linked.patient_key or inventory.patient_of(linked.series_key, linked.study_key)
        work = linked.series_key or linked.study_key or linked.patient_key
        job = Job(
            job_key=self.site.pseudonyms.job("work", event.workflow, work.hex()) if work else run,
            patient_key=patient,
            workflow=event.workflow,
            model=event.model,
            model_version=event.version,
            outcome=event.outcome,
            failure_reason=event.failure_reason,
            queued_at=event.queued_at,
            started_at=event.started_at,
            finished_at=event.finished_at,
        )
        if before is None:
            return job
        return replace(
            job,
            job_key=job.job_key if work else before.job_key,
            patient_key=patient or before.patient_key,
            model=job.model or before.model,
            model_version=job.model_version or before.model_version,
            queued_at=job.queued_at or before.queued_at,
            started_at=job.started_at or before.started_at,
            # A run that runs again has not finished.
            finished_at=job.finished_at or (None if job.outcome == "running" else before.finished_at),
        )


def _in_pieces(log: Iterator[Line], size: int) -> Iterator[list[Line]]:
    while piece := list(itertools.islice(log, size)):
        yield piece


def open_source(settings: Settings, site: SiteContext) -> JobsSource:
    return JobsSource(settings, site)
