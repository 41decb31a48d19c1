"""Inference runs of an Airflow: outcome, reason, times, from its REST API."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from studyscope_contract.names import Slug
from studyscope_exporter.airflow.api import EVERY_DAG, AirflowApi, Version
from studyscope_exporter.airflow.failure import ReasonRule
from studyscope_exporter.airflow.reading import Dag, Held, RunReader, item_of
from studyscope_exporter.airflow.run import identity
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.job_events import BadLine
from studyscope_exporter.linking import Link, LinkProblem, LinkSettings
from studyscope_exporter.servers.server import Address, Patience, Server, ServerProblem
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Finding, Progress, ScanResult, SourceUnavailable
from studyscope_exporter.waiting_jobs import WaitingJobs

_READS_AS = b"airflow 1"  # to be raised when runs are read differently, so that all are read anew


class Settings(Address):
    """Which Airflow and which of its DAGs; `url` is what stands before /api/v1 or /api/v2.

    A run that takes too long is not decided here: the study says how long, and the collectors count.
    """

    name: Slug
    kind: Literal["airflow"]
    api: Version | None = Field(default=None, description="1 for Airflow 2, 2 for Airflow 3; asked for when left out")
    dags: dict[str, Dag] = Field(default_factory=dict, description="DAG id -> what it is; all, each as its own id, when left out")
    link: LinkSettings | None = Field(default=None, description="on the run's id or a field of it: conf.series_uid")
    reasons: tuple[ReasonRule, ...] = ()
    overlap_minutes: int = Field(default=60, ge=1, le=10080, description="how much before the last pass is asked for again")


@dataclass
class _Note:
    """What is kept between passes."""

    reads_as: str = ""
    since: str | None = None
    waiting: WaitingJobs = field(default_factory=WaitingJobs)

    @classmethod
    def parse(cls, raw: bytes) -> _Note:
        kept = json.loads(raw) if raw else {"reads_as": "", "since": None, "waiting": {}}
        return cls(kept["reads_as"], kept["since"], WaitingJobs.parse(kept["waiting"]))

    def packed(self) -> bytes:
        return json.dumps({"reads_as": self.reads_as, "since": self.since, "waiting": self.waiting.by_item}).encode()


@dataclass(frozen=True)
class AirflowSource:
    """The source of that kind; see Source.

    Each run is an item of the inventory. Its tasks' retries are Airflow's own matter; runs of one
    workflow on one input are one job, of which the latest counts. Runs that Airflow has cleaned away
    stay: they happened.
    """

    settings: Settings
    site: SiteContext
    patience: Patience = field(default_factory=Patience)
    note: str = ""  # where it is kept how far a pass came; by the source's name when empty

    @property
    def name(self) -> str:
        return self.settings.name

    def check(self) -> list[Finding]:
        url = self.settings.url
        try:
            Link.opened(self.settings.link, self.site.pseudonyms)
            with Server(self.settings, self.patience) as server:
                api = AirflowApi.found(server, self.settings.api)
                findings = [Finding(True, f"{url} answers with API v{api.version}")]
                for dag in self.settings.dags or (EVERY_DAG,):
                    next(api.runs(dag, None), None)
        except (ServerProblem, LinkProblem) as problem:
            return [Finding(False, str(problem))]
        if self.settings.link is None:
            findings.append(Finding(True, "no `link` is set: these runs enter no patient table"))
        return findings

    def scan(self, inventory: Inventory, progress: Progress) -> ScanResult:
        try:
            link = Link.opened(self.settings.link, self.site.pseudonyms)
            with Server(self.settings, self.patience) as server:
                return self._scan(AirflowApi.found(server, self.settings.api), link, inventory, progress)
        except LinkProblem as problem:
            raise SourceUnavailable(str(problem), temporary=False, there=problem.there) from None
        except ServerProblem as problem:
            raise SourceUnavailable(str(problem), temporary=problem.temporary) from None

    def identifiers(self, items: Collection[bytes]) -> dict[bytes, str]:
        """The runs' own ids, as Airflow gives them now."""
        named: dict[bytes, str] = {}
        try:
            with Server(self.settings, self.patience) as server:
                api = AirflowApi.found(server, self.settings.api)
                for dag in self.settings.dags or (EVERY_DAG,):
                    for page in api.runs(dag, None):
                        for dag_id, run_id in filter(None, map(_ids, page)):
                            named[item_of(self.site.pseudonyms, self.name, dag_id, run_id)] = f"run {run_id} of {dag_id}"
        except ServerProblem:
            pass  # those it gave until then
        return {item: words for item, words in named.items() if item in items}

    def _scan(self, api: AirflowApi, link: Link, inventory: Inventory, progress: Progress) -> ScanResult:
        note, result = self._note(inventory, link), ScanResult()
        begun = api.server.now or self.site.now()
        since = dt.datetime.fromisoformat(note.since) if note.since else None
        progress.total(None)
        reader = RunReader(
            self.name, self.site.pseudonyms, self.settings.dags, self.settings.reasons, link, inventory, api, anew=since is None
        )
        for dag in self.settings.dags or (EVERY_DAG,):
            for page in api.runs(dag, since):
                held = self._read(page, reader, result)  # asks for tasks: not within a transaction
                with inventory.batch():
                    result.read += sum(self._put(one, inventory, note) for one in held)
                    inventory.keep_note(self.note or self.name, note.packed())
                result.seen += len(page)
                progress.advance(len(page))
        # Only now: after a pass that was cut short the next one asks for the same again.
        note.since = (begun - dt.timedelta(minutes=self.settings.overlap_minutes)).isoformat()
        with inventory.batch():
            note.waiting.link(inventory, self.name)
            inventory.keep_note(self.note or self.name, note.packed())
        result.unreadable |= inventory.reasons(self.name)[0]
        result.unlinked = inventory.unlinked(self.name)
        return result

    def _note(self, inventory: Inventory, link: Link) -> _Note:
        decides = self.settings.model_dump_json(include={"url", "dags", "link", "reasons"}).encode()
        reads_as = hashlib.blake2b(_READS_AS + decides + link.digest, digest_size=16).hexdigest()
        note = _Note.parse(inventory.note(self.note or self.name))
        return note if note.reads_as == reads_as else _Note(reads_as)

    def _read(self, page: Sequence[Any], reader: RunReader, result: ScanResult) -> list[Held]:
        held = []
        for said in page:
            try:
                held.append(reader.read(said))
            except BadLine as bad:
                result.unreadable[bad.reason] = result.unreadable.get(bad.reason, 0) + 1
        return held

    def _put(self, held: Held, inventory: Inventory, note: _Note) -> bool:
        """Whether it is new or has changed."""
        note.waiting.took(held.item, held.jobs)
        if held.unreadable:
            inventory.put(self.name, held.item, (), unreadable=held.unreadable)
            return False
        if inventory.jobs(self.name, held.item) == list(held.jobs):
            return False
        inventory.put(self.name, held.item, list(held.jobs))
        return True


def _ids(said: Any) -> tuple[str, str] | None:
    try:
        return identity(said)
    except BadLine:
        return None


def open_source(settings: Settings, site: SiteContext) -> AirflowSource:
    """The source that `settings` describe."""
    return AirflowSource(settings, site)
