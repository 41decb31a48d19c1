"""Inference jobs from a log of JSON lines, a CSV file or a database: one event per line or row."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from studyscope_contract.names import Slug
from studyscope_contract.vocabulary import FAILURE_REASONS, JOB_OUTCOMES
from studyscope_contract.yaml_file import Strict
from studyscope_exporter import job_csv, job_sql
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.job_csv import CsvFormat
from studyscope_exporter.job_events import EventReader, JobEvent, JobFields
from studyscope_exporter.job_log import Place, lines, logs_to_read
from studyscope_exporter.job_pass import JobNote, JobPass, events_of
from studyscope_exporter.job_sql import SqlQuery
from studyscope_exporter.job_table import TableUnusable
from studyscope_exporter.job_words import words_of
from studyscope_exporter.linking import CsvLink, FieldLink, Link, LinkProblem, PatternLink
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable

_READS_AS = b"jobs 2"  # to be raised when lines are read differently, so that the log is read anew


class Settings(Strict):
    """Where the log or table is and what its fields are called: `path`, `path` with `csv`, or `sql`.

    A job that runs for too long is not decided here: the study says how long, and the collectors count.
    """

    name: Slug
    kind: Literal["jobs"]
    path: SitePath | None = None
    csv: CsvFormat | None = Field(default=None, description="the file is a CSV table and not a log of JSON lines")
    sql: SqlQuery | None = None
    fields: JobFields = JobFields()
    workflow: str = Field(default="", max_length=200, description="the workflow's id where the log names none")
    outcomes: dict[str, str] = Field(default_factory=dict, description="state in the log -> outcome, besides the known words")
    reasons: dict[str, str] = Field(default_factory=dict, description="reason in the log -> failure reason")
    link: PatternLink | CsvLink | FieldLink | None = Field(
        default=None,
        discriminator="by",
        description="on the id or a field; the fields patient, study, series when left out",
    )

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if (self.path is None) == (self.sql is None):
            raise ValueError("say either `path` (a log, or a CSV file with `csv`) or `sql`")
        if self.csv and self.path is None:
            raise ValueError("`csv` needs a `path`")
        return self

    @field_validator("outcomes", "reasons")
    @classmethod
    def _are_codes(cls, words: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        allowed = [code for code in JOB_OUTCOMES if code != "stuck"] if info.field_name == "outcomes" else list(FAILURE_REASONS)
        for code in words.values():
            if code not in allowed:
                raise ValueError(f"unknown code {code!r}; allowed: {', '.join(allowed)}")
        return {words_of(word): code for word, code in words.items()}


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
        settings = self.settings
        try:
            reader = self._reader()
            if settings.sql is not None:
                next(job_sql.rows(settings.sql, self.site.now(), settings.fields, settings.workflow), None)
                return [Finding(True, "the database answers the query")]
            assert settings.path is not None
            if settings.csv is not None:
                next(job_csv.rows(settings.path, settings.csv, reader.fields, settings.workflow, lambda _: None), None)
            with settings.path.open("rb"):
                return [Finding(True, f"{settings.path} can be read")]
        except (LinkProblem, TableUnusable) as problem:
            return [Finding(False, problem.in_full)]
        except OSError as problem:
            return [Finding(False, f"{problem}; is the path right, and may the exporter's user read it?")]

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        try:
            one_pass = self._pass(inventory, progress)
            if self.settings.path is not None and self.settings.csv is None:
                one_pass.read_log(self.settings.path)
            elif self.settings.path is not None and self.settings.csv is not None:
                one_pass.read_csv(self.settings.path, self.settings.csv)
            elif self.settings.sql is not None:
                one_pass.read_sql(self.settings.sql, self.site.now())
        except LinkProblem as problem:
            raise SourceUnavailable(str(problem), temporary=False, there=problem.there) from None
        except TableUnusable as problem:
            raise SourceUnavailable(str(problem), temporary=problem.temporary, there=problem.there) from None
        except OSError as error:
            raise SourceUnavailable(
                f"{self.settings.path} cannot be read ({error.strerror}). Is the path right, and may we read it?",
                temporary=True,
            ) from None
        return one_pass.finish()

    def identifiers(self, items: Collection[bytes]) -> dict[bytes, str]:
        """The runs' own ids, from the log or table as it is now."""
        named: dict[bytes, str] = {}
        try:
            for event in self._events():
                run = self.site.pseudonyms.job(self.name, event.workflow, event.id)
                if run in items:
                    named[run] = f"job {event.id} of {event.workflow} in {self.settings.path or 'the database'}"
        except (LinkProblem, TableUnusable, OSError):
            return named
        return named

    def _events(self) -> Iterator[JobEvent]:
        """Everything that can be read, from the beginning."""
        reader, settings = self._reader(), self.settings
        if settings.sql is not None:
            tables = job_sql.rows(settings.sql, None, settings.fields, settings.workflow)
            yield from (event for rows in tables for event in events_of(rows, reader))
        elif settings.path is not None and settings.csv is not None:
            tables = job_csv.rows(settings.path, settings.csv, settings.fields, settings.workflow, lambda _: None)
            yield from (event for rows in tables for event in events_of(rows, reader))
        elif settings.path is not None:
            for path, offset in logs_to_read(settings.path, Place()):
                yield from events_of((line.content for line in lines(path, offset)), reader)

    def _pass(self, inventory: Inventory, progress: Progress) -> JobPass:
        reader = self._reader()
        progress.total(None)
        return JobPass(self.name, self.site.pseudonyms, inventory, reader, self._note(inventory, reader), progress)

    def _reader(self) -> EventReader:
        settings = self.settings
        link = Link.opened(settings.link, self.site.pseudonyms)
        return EventReader(settings.fields, link, settings.workflow, settings.outcomes, settings.reasons)

    def _note(self, inventory: Inventory, reader: EventReader) -> JobNote:
        settings = self.settings.model_dump_json().encode()
        reads_as = hashlib.blake2b(_READS_AS + settings + reader.link.digest, digest_size=16).hexdigest()
        note = JobNote.parse(inventory.note(self.name))
        return note if note.reads_as == reads_as else JobNote(reads_as)


def open_source(settings: Settings, site: SiteContext) -> JobsSource:
    return JobsSource(settings, site)
