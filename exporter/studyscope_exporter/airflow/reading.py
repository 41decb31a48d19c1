"""From a run as Airflow tells it to the jobs that the inventory holds of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.airflow.api import AirflowApi
from studyscope_exporter.airflow.failure import ReasonRule, reason_of
from studyscope_exporter.airflow.run import Run, identity
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.job_events import LONGEST_TEXT, BadLine
from studyscope_exporter.linking import FieldLink, Link, Linked, field_text, field_value
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import Job, Key
from studyscope_exporter.servers.server import ServerProblem

_MOST_INPUTS = 1000


class Dag(Strict):
    """What the runs of one DAG are in the words of the study."""

    workflow: str = Field(min_length=1, max_length=LONGEST_TEXT, description="the workflow's id in the study file")
    model: str = Field(default="", max_length=LONGEST_TEXT)
    version: str = Field(default="", max_length=LONGEST_TEXT)
    version_field: str = Field(default="", max_length=200, description="field of the run that says the version: conf.version")


@dataclass(frozen=True)
class Held:
    """What one run is in the inventory: its item, and jobs with their links or the reason why there are none."""

    item: Key
    jobs: Mapping[Job, Linked] = field(default_factory=dict)
    unreadable: str = ""


@dataclass(frozen=True)
class RunReader:
    """Reads runs of one source; `anew` where nothing that was read before is to be trusted."""

    source: str
    pseudonyms: Pseudonyms
    dags: Mapping[str, Dag]
    rules: Sequence[ReasonRule]
    link: Link
    inventory: Inventory
    api: AirflowApi
    anew: bool

    def read(self, said: Any) -> Held:
        """Raises BadLine where the run cannot even be named, ServerProblem where its tasks cannot be asked for."""
        item = item_of(self.pseudonyms, self.source, *identity(said))
        try:
            run = Run.parse(said)
        except BadLine as bad:
            return Held(item, unreadable=bad.reason)
        reason = self._reason(run, item) if run.outcome == "failed" else "none"
        return Held(item, {self._job(run, item, reason, linked): linked for linked in _links(self.link, run)})

    def _reason(self, run: Run, item: Key) -> str:
        """Tasks are asked for once; a run that failed again has another end."""
        before = [] if self.anew else self.inventory.jobs(self.source, item)
        if before and before[0].outcome == "failed" and before[0].finished_at == run.finished_at:
            return before[0].failure_reason
        try:
            tasks = self.api.tasks(run.dag_id, run.run_id)
        except ServerProblem as problem:
            if problem.status != 404:
                raise
            tasks = []  # the run was deleted since it was listed
        return reason_of(run, tasks, self.rules)

    def _job(self, run: Run, item: Key, reason: str, linked: Linked) -> Job:
        dag = self.dags.get(run.dag_id) or Dag(workflow=run.dag_id[:LONGEST_TEXT])
        version = field_text(run.said, dag.version_field)[:LONGEST_TEXT].strip() if dag.version_field else ""
        work = linked.series_key or linked.study_key or linked.patient_key
        return Job(
            job_key=self.pseudonyms.job("work", dag.workflow, work.hex()) if work else item,
            patient_key=linked.patient_key or self.inventory.patient_of(linked.series_key, linked.study_key),
            workflow=dag.workflow,
            model=dag.model,
            model_version=version or dag.version,
            outcome=run.outcome,
            failure_reason=reason,
            queued_at=run.queued_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
        )


def item_of(pseudonyms: Pseudonyms, source: str, dag_id: str, run_id: str) -> Key:
    """The item of the inventory that a run is."""
    return pseudonyms.job(source, dag_id, run_id)


def _links(link: Link, run: Run) -> list[Linked]:
    """Whom a run belongs to: one, or each of a field that holds a list of identifiers; never none."""
    settings = link.settings
    if not isinstance(settings, FieldLink):
        return [link.of((run.run_id,), run.said)]
    value = field_value(run.said, settings.field)
    if not isinstance(value, list):
        return [link.of((), run.said)]
    of_one = Link(settings.model_copy(update={"field": "one"}), link.pseudonyms, None, {}, link.digest)
    found = dict.fromkeys(of_one.of((), {"one": one}) for one in value[:_MOST_INPUTS])
    return [linked for linked in found if linked] or [Linked()]
