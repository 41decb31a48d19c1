"""Jobs that name a study or series whose patient the inventory does not know yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from studyscope_exporter.inventory import Inventory
from studyscope_exporter.linking import Linked
from studyscope_exporter.records import Job, Key

_Waits = tuple[str | None, str | None]
"""Keys of the series and of the study, in hexadecimal."""


@dataclass
class WaitingJobs:
    """By item and job key, all in hexadecimal, as a source's note keeps them."""

    by_item: dict[str, dict[str, _Waits]] = field(default_factory=dict)

    @classmethod
    def parse(cls, kept: Mapping[str, Mapping[str, list[str | None]]]) -> Self:
        return cls({item: {job: (waits[0], waits[1]) for job, waits in jobs.items()} for item, jobs in kept.items()})

    def took(self, item: Key, jobs: Mapping[Job, Linked]) -> None:
        """What an item holds now."""
        waits = {
            job.job_key.hex(): (_hex(linked.series_key), _hex(linked.study_key))
            for job, linked in jobs.items()
            if job.patient_key is None and (linked.series_key or linked.study_key)
        }
        if waits:
            self.by_item[item.hex()] = waits
        else:
            self.by_item.pop(item.hex(), None)

    def link(self, inventory: Inventory, source: str) -> bool:
        """Gives their patient to those whose study or series the inventory knows by now; inside a batch."""
        linked = False
        for item, waits in list(self.by_item.items()):
            found = {job: inventory.patient_of(_bytes(series), _bytes(study)) for job, (series, study) in waits.items()}
            if not any(found.values()):
                continue
            linked, number = True, bytes.fromhex(item)
            jobs = [
                replace(job, patient_key=job.patient_key or found.get(job.job_key.hex()))
                for job in inventory.jobs(source, number)
            ]
            inventory.put(source, number, jobs)
            left = {job: waits[job] for job, patient in found.items() if patient is None}
            if left:
                self.by_item[item] = left
            else:
                del self.by_item[item]
        return linked


def _hex(key: Key | None) -> str | None:
    return key.hex() if key else None


def _bytes(key: str | None) -> Key | None:
    return bytes.fromhex(key) if key else None
