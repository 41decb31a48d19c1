"""One line of a job log as an event; a line that is none says why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.foreign_json import parsed
from studyscope_exporter.job_words import OUTCOMES, failure_reason, words_of
from studyscope_exporter.linking import Link, Linked, field_text, field_value
from studyscope_exporter.pseudonym import Pseudonyms

LONGEST_TEXT = 200
_EARLIEST, _LATEST = dt.datetime(1990, 1, 1, tzinfo=dt.UTC), dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
_MILLISECONDS_FROM = 1e11  # as seconds this is the year 5138


class BadLine(Exception):
    """A line gives no event; `reason` is one of a few, never a text of the line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class JobFields(Strict):
    """The names of fields in a line; a dot steps into an object: `run.started`."""

    id: str = "id"
    workflow: str = "workflow"
    model: str = "model"
    version: str = "version"
    state: str = "state"
    reason: str = "reason"
    queued_at: str = "queued_at"
    started_at: str = "started_at"
    finished_at: str = "finished_at"
    patient: str = Field(default="patient", description="PatientID")
    issuer: str = Field(default="issuer", description="Issuer of Patient ID")
    study: str = Field(default="study", description="StudyInstanceUID")
    series: str = Field(default="series", description="SeriesInstanceUID")


@dataclass(frozen=True, slots=True)
class JobEvent:
    """What a line says; "" and None where it says nothing."""

    id: str
    workflow: str
    model: str
    version: str
    outcome: str
    failure_reason: str
    queued_at: dt.datetime | None
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    linked: Linked


@dataclass(frozen=True)
class EventReader:
    """How a source's lines are read: names of fields, words of its own, and the link."""

    fields: JobFields
    link: Link
    workflow: str  # where the log names none
    outcomes: Mapping[str, str]  # words of this site, before the known ones
    reasons: Mapping[str, str]

    def read(self, line: bytes) -> JobEvent:
        """The event in a line of JSON; raises BadLine."""
        return self.of(_object(line))

    def of(self, said: Mapping[str, Any]) -> JobEvent:
        """The event in fields, as of a row of a table; raises BadLine."""
        names = self.fields
        identity = field_text(said, names.id)[:LONGEST_TEXT]
        workflow = (field_text(said, names.workflow) or self.workflow)[:LONGEST_TEXT]
        if not identity:
            raise BadLine("no id")
        if not workflow:
            raise BadLine("no workflow")
        state = words_of(field_text(said, names.state))
        outcome = self.outcomes.get(state) or OUTCOMES.get(state)
        if outcome is None:
            raise BadLine("unknown state" if state else "no state")
        return JobEvent(
            id=identity,
            workflow=workflow.strip(),
            model=field_text(said, names.model)[:LONGEST_TEXT].strip(),
            version=field_text(said, names.version)[:LONGEST_TEXT].strip(),
            outcome=outcome,
            failure_reason=self._reason(said, state) if outcome == "failed" else "none",
            queued_at=time_at(said, names.queued_at),
            started_at=time_at(said, names.started_at),
            finished_at=time_at(said, names.finished_at),
            linked=self._linked(said, identity),
        )

    def _reason(self, said: Mapping[str, Any], state: str) -> str:
        text = field_text(said, self.fields.reason)
        own = self.reasons.get(words_of(text))
        return own or failure_reason(text or state)

    def _linked(self, said: Mapping[str, Any], identity: str) -> Linked:
        if self.link.settings is not None:
            return self.link.of((identity,), said)
        pseudonyms: Pseudonyms = self.link.pseudonyms
        patient, study, series = (field_text(said, name) for name in (self.fields.patient, self.fields.study, self.fields.series))
        return Linked(
            patient_key=pseudonyms.patient(patient, field_text(said, self.fields.issuer)) if patient.strip() else None,
            study_key=pseudonyms.study(study) if study.strip() else None,
            series_key=pseudonyms.series(series) if series.strip() else None,
        )


def _object(line: bytes) -> dict[str, Any]:
    try:
        said = parsed(line.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise BadLine("not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLine("not JSON") from None
    if not isinstance(said, dict):
        raise BadLine("not an object")
    return said


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def time_at(said: Mapping[str, Any], dotted: str) -> dt.datetime | None:
    """A time, ISO 8601 text or seconds (or milliseconds) since 1970; a time without a zone is taken as UTC."""
    value = field_value(said, dotted)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, dt.datetime):
            time = value
        elif isinstance(value, str):
            time = dt.datetime.fromisoformat(value.strip())
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise BadLine("bad time")
        else:
            seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
            time = dt.datetime.fromtimestamp(seconds, dt.UTC)
        time = time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
    except (ValueError, OverflowError, OSError):
        raise BadLine("bad time") from None
    if not _EARLIEST < time < _LATEST:
        raise BadLine("bad time")
    return time
