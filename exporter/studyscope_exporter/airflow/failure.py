"""Why a run failed: by the tasks that failed and by what people noted, never by a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pydantic import Field, field_validator

from studyscope_contract.vocabulary import FAILURE_REASONS
from studyscope_contract.yaml_file import Strict
from studyscope_exporter.airflow.run import Run, text_of
from studyscope_exporter.job_words import failure_reason, words_of


class ReasonRule(Strict):
    """A failed task, or words of its note or the run's, that stand for a reason; the first rule that fits decides."""

    task: str = Field(default="*", max_length=250, description="id of the task that failed; * stands for anything")
    note: str = Field(default="", max_length=200, description="words in the note of the task or run")
    reason: str

    @field_validator("reason")
    @classmethod
    def _is_a_code(cls, reason: str) -> str:
        if reason not in FAILURE_REASONS or reason == "none":
            raise ValueError(
                f"unknown reason {reason!r}; allowed: {', '.join(code for code in FAILURE_REASONS if code != 'none')}"
            )
        return reason

    def fits(self, task: str, notes: str) -> bool:
        return fnmatchcase(task, self.task) and (not self.note or f" {words_of(self.note)} " in f" {notes} ")


def reason_of(run: Run, tasks: Iterable[object], rules: Sequence[ReasonRule]) -> str:
    """A code of FAILURE_REASONS.

    Without a rule that fits: the known words in a note; a run that failed while no task did, and some
    were skipped, met its time limit (dagrun_timeout skips what has not finished); else "other".
    """
    said = [task for task in tasks if isinstance(task, Mapping)]
    failed = [task for task in said if task.get("state") == "failed"]
    for rule in rules:
        if any(rule.fits(task, notes) for task, notes in _named(run, failed)):
            return rule.reason
    found = failure_reason(" ".join(notes for _, notes in _named(run, failed)))
    if found != "other" or failed:
        return found
    return "out_of_time" if any(task.get("state") == "skipped" for task in said) else "other"


def _named(run: Run, failed: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The id of each failed task with the words of its note and the run's."""
    noted = text_of(run.said, "note")
    named = [(text_of(task, "task_id"), words_of(f"{text_of(task, 'note')} {noted}")) for task in failed]
    return named or [("", words_of(noted))]
