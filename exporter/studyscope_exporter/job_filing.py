"""Where events of jobs become jobs of the inventory: what adds up, what is the same work, what must wait for its patient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from studyscope_exporter.inventory import Inventory
from studyscope_exporter.job_events import JobEvent
from studyscope_exporter.linking import Linked
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import Job, Key
from studyscope_exporter.waiting_jobs import WaitingJobs


@dataclass(frozen=True)
class JobFiling:
    """Files the events of one source; every run (id) is an item of the inventory."""

    source: str
    pseudonyms: Pseudonyms
    inventory: Inventory
    waiting: WaitingJobs

    def item_of(self, event: JobEvent) -> Key:
        """The item that the event's run is."""
        return self.pseudonyms.job(self.source, event.workflow, event.id)

    def file(self, events: Iterable[JobEvent]) -> int:
        """Puts the runs as they are after these events, in order; gives how many are new or changed. Inside a batch."""
        before: dict[Key, Job | None] = {}
        after: dict[Key, tuple[Job, Linked]] = {}
        for event in events:
            item = self.item_of(event)
            if item not in before:
                before[item] = next(iter(self.inventory.jobs(self.source, item)), None)
            known = after[item][0] if item in after else before[item]
            linked = event.linked or (after[item][1] if item in after else Linked())
            after[item] = (self._after(item, event, known), linked)
        changed = 0
        for item, (job, linked) in after.items():
            if linked or job.patient_key is not None:
                self.waiting.took(item, {job: linked})
            if job != before[item]:
                self.inventory.put(self.source, item, [job])
                changed += 1
        return changed

    def _after(self, item: Key, event: JobEvent, before: Job | None) -> Job:
        """The run after this event: what the event does not say stays as it was."""
        linked = event.linked
        patient = linked.patient_key or self.inventory.patient_of(linked.series_key, linked.study_key)
        work = linked.series_key or linked.study_key or linked.patient_key
        job = Job(
            job_key=self.pseudonyms.job("work", event.workflow, work.hex()) if work else item,
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
