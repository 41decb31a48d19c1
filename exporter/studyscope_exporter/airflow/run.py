"""One DAG run as the API tells it; what is none says why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from studyscope_exporter.job_events import LONGEST_TEXT, BadLine, time_at
from studyscope_exporter.job_words import OUTCOMES, words_of

_LONGEST_ID = 1000  # dag_id and run_id have 250 characters at most


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a DAG, from queue to end; `said` is all of the answer, for links and reasons."""

    dag_id: str
    run_id: str
    outcome: str
    queued_at: dt.datetime | None
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    said: Mapping[str, Any]

    @classmethod
    def parse(cls, said: Mapping[str, Any]) -> Self:
        """Both shapes: 3.x states queued_at, 2.x does not. Raises BadLine."""
        dag_id, run_id = identity(said)
        state = said.get("state")
        outcome = OUTCOMES.get(words_of(state)) if isinstance(state, str) else None
        if outcome is None:
            raise BadLine("unknown state" if state else "no state")
        started_at = time_at(said, "start_date")
        return cls(
            dag_id=dag_id,
            run_id=run_id,
            outcome=outcome,
            queued_at=_queued_at(said, started_at),
            started_at=started_at,
            finished_at=time_at(said, "end_date") if outcome != "running" else None,
            said=said,
        )


def identity(said: object) -> tuple[str, str]:
    """The DAG's and the run's id; raises BadLine where one is missing."""
    if not isinstance(said, Mapping):
        raise BadLine("not an object")
    dag_id, run_id = said.get("dag_id"), said.get("dag_run_id")
    if not (
        isinstance(dag_id, str) and isinstance(run_id, str) and 0 < len(dag_id) <= _LONGEST_ID and 0 < len(run_id) <= _LONGEST_ID
    ):
        raise BadLine("no id")
    return dag_id, run_id


def _queued_at(said: Mapping[str, Any], started_at: dt.datetime | None) -> dt.datetime | None:
    """2.x: the logical date of a run that somebody triggered is the moment of triggering it; of others it is a plan."""
    if "queued_at" in said:
        return time_at(said, "queued_at")
    if said.get("run_type") != "manual":
        return None
    triggered = time_at(said, "logical_date") or time_at(said, "execution_date")
    return triggered if triggered and started_at and triggered <= started_at else None


def text_of(said: Mapping[str, Any], key: str) -> str:
    """A text of an answer, shortened; "" for anything else."""
    value = said.get(key)
    return value[: 10 * LONGEST_TEXT] if isinstance(value, str) else ""
