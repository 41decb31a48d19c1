"""One hospital, opened: its keys, inventory and sources, and one domain of disclosure per study."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Literal, Self

from studyscope_contract.report import SignedReport, SiteFacts
from studyscope_contract.study import Study
from studyscope_exporter.approvers import approvers_of
from studyscope_exporter.centre_client import client_of
from studyscope_exporter.clock import Clock
from studyscope_exporter.collectors import COLLECTORS, StudyRecords, collect
from studyscope_exporter.delivery.brought_study import BroughtStudy
from studyscope_exporter.delivery.key_requests import KeyRequests
from studyscope_exporter.delivery.outbox import Outbox
from studyscope_exporter.delivery.push import CentreClient
from studyscope_exporter.disclosure.approval import Approver
from studyscope_exporter.disclosure.census import roster_of
from studyscope_exporter.disclosure.contributions import POPULATION, Contributions
from studyscope_exporter.disclosure.domain import Domain
from studyscope_exporter.disclosure.neighbours import Neighbour
from studyscope_exporter.disclosure.randomness import SecretRandom, SystemRandom
from studyscope_exporter.disclosure.recipient import Recipient
from studyscope_exporter.facts import site_facts, storage_state
from studyscope_exporter.identity import SiteIdentity
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.last_scan import LastScan, SourceOutcome, passed_over
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.release_number import release_number
from studyscope_exporter.removed_studies import domain_folder, removed_studies
from studyscope_exporter.retirement import refuse_if_retired
from studyscope_exporter.scan_cluster import ScanCluster
from studyscope_exporter.settings import EARLIEST_MINUTE, SiteSettings, StudySettings, effective_policy, read_study_file
from studyscope_exporter.sources.consent import EVERY_STUDY, ConsentSource, withdrawn_patients
from studyscope_exporter.sources.kinds import SiteContext, open_source
from studyscope_exporter.sources.learning import learning_rounds
from studyscope_exporter.sources.source import NoProgress, Progress
from studyscope_exporter.study_records import study_records


@dataclass
class StudyAtSite:
    """One study at this site: its file, its settings, its domain and its outbox."""

    site: str
    study: Study
    settings: StudySettings
    domain: Domain
    outbox: Outbox
    collected: Contributions | None = field(default=None, repr=False)

    @property
    def delivery_minute(self) -> int:
        """The fixed minute after a grid point at which the report is sent."""
        if self.settings.minute is not None:
            return self.settings.minute
        # From the names, so that sites of one centre spread over the hour.
        digest = hashlib.sha256(f"{self.site} {self.study.id}".encode()).digest()
        return EARLIEST_MINUTE + digest[0] % (60 - EARLIEST_MINUTE)


class Site:
    """Everything that the commands and the daemon do at one site."""

    def __init__(self, settings: SiteSettings, clock: Clock, *, random: SecretRandom | None = None) -> None:
        self.settings, self.clock = settings, clock
        self._random = random or SystemRandom()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        settings = self.settings
        refuse_if_retired(settings.state)
        settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.identity = SiteIdentity.load(settings.keys)
        self.inventory = self._open.enter_context(
            Inventory.open(settings.state / "inventory.sqlite", key=self.identity.derived("inventory"), now=self.clock.now)
        )
        self._scans = LastScan(settings.state, self.inventory)
        self.pseudonyms = pseudonyms = Pseudonyms(self.identity.derived("pseudonyms"), settings.default_issuer)
        self.studies = tuple(self._open_study(study) for study in settings.studies)
        self.cluster = ScanCluster(settings.dask) if settings.dask else None
        studies = frozenset(study.study.id for study in self.studies)
        self._removed = tuple(removed_studies(settings.state, settings.site, self.identity, studies))
        context = SiteContext(pseudonyms, self.clock.now, studies, self.cluster)
        self.sources = tuple(open_source(source, context) for source in settings.sources)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    def _open_study(self, settings: StudySettings) -> StudyAtSite:
        study = read_study_file(settings.study_file)
        settings = settings.model_copy(update={"policy": effective_policy(settings, study)})
        folder = domain_folder(self.settings.state, study.id)
        domain = Domain.open(
            folder,
            site=self.settings.site,
            study=study,
            policy=settings.policy,
            state_key=self.identity.derived(f"state {study.id}"),
            signing_key=self.identity.signing_key,
            approvers=[Approver(name=person.name, key=person.key) for person in approvers_of(settings)],
            release=release_number(),
            random=self._random,
            key_changes=self.identity.key_changes,
        )
        self._open.enter_context(domain)
        domain.addressed(Recipient(settings.centre.url, settings.centre.keys), self.clock.now().date())
        outbox, last = Outbox(folder.parent / "outbox"), domain.last_report()
        if last is not None:
            outbox.put(last)  # a kill between release and outbox must not lose it
        return StudyAtSite(self.settings.site, study, settings, domain, outbox)

    def scan(self, progress: Callable[[str], Progress] = lambda _: NoProgress()) -> list[SourceOutcome]:
        """One pass over every source; a source that is down keeps what the inventory had from it.

        `progress` gives the progress of the source of that name. Afterwards the contributions of
        each study are collected: they are what the next release uses.
        """
        self._scans.begin()
        # Who withdrew comes first: a pass that is cut short must not keep them in.
        order = sorted(range(len(self.sources)), key=lambda index: not isinstance(self.sources[index], ConsentSource))
        try:
            found = {index: self._scan_one(index, progress) for index in order}
        finally:
            if self.cluster:
                self.cluster.let_go()
        outcomes = [found[index] for index in range(len(self.sources))]
        self._scans.finish(self.clock.now(), outcomes)
        for study in self.studies:
            study.collected = self._collect(study)
        return outcomes

    def _scan_one(self, index: int, progress: Callable[[str], Progress]) -> SourceOutcome:
        source, settings = self.sources[index], self.settings.sources[index]
        try:
            return passed_over(source, settings.kind, self.inventory, progress(source.name))
        finally:
            if isinstance(source, ConsentSource):
                self._withdraw(source)

    def _withdraw(self, source: ConsentSource) -> None:
        """Takes everybody whom the register ever named as withdrawn out of the studies."""
        named = withdrawn_patients(self.inventory, source.name)
        for study in self.studies:
            patients = sorted(patient for patient, where in named if where in (EVERY_STUDY, study.study.id))
            if patients and study.domain.status().frozen is None:
                study.domain.withdraw(*patients, day=self.clock.now().date())

    def _collect(self, at_site: StudyAtSite) -> Contributions:
        return at_site.domain.admitted(Contributions(collect(self.records(at_site))))

    def by_version(self, at_site: StudyAtSite, version: Study) -> Contributions | None:
        """Who would count by another version of the study, and the other studies here; None before a finished scan."""
        if not self.has_finished_scan():
            return None
        now, chosen = self.clock.now(), at_site.settings.sources
        records = study_records(self.inventory, version, now, self.settings.sources, chosen)
        counted = Contributions({POPULATION: COLLECTORS[POPULATION.table](records, "")}, tuple(self._beside(at_site)))
        return at_site.domain.admitted(counted)

    def records(self, at_site: StudyAtSite) -> StudyRecords:
        """The exact records of a study, as the last scan found them; they stay here."""
        now, chosen = self.clock.now(), at_site.settings.sources
        return study_records(self.inventory, at_site.study, now, self.settings.sources, chosen, at_site.domain.withdrew)

    def contributions(self, at_site: StudyAtSite) -> Contributions | None:
        """What the last finished scan found; None when there is none, or the one after it was cut short."""
        own = self._own(at_site)
        return None if own is None else replace(own, beside=tuple(self._beside(at_site)))

    def _own(self, at_site: StudyAtSite) -> Contributions | None:
        if at_site.collected is None and self.has_finished_scan():
            at_site.collected = self._collect(at_site)
        return at_site.collected

    def _beside(self, at_site: StudyAtSite) -> Iterator[Neighbour]:
        """The other studies of this hospital, as they are at this moment; those taken out of the site file as they were."""
        yield from self._removed
        for other in self.studies:
            theirs = None if other is at_site else self._own(other)
            if theirs is not None:
                today, counted = roster_of(theirs.tables[POPULATION]), other.domain.members()
                yield Neighbour(other.study.id, today, counted, theirs.tables, other.domain.shown_so_far())

    def grid_point(self, at_site: StudyAtSite) -> int:
        """The number of the last grid point of the site's policy."""
        return at_site.settings.policy.grid.index(self.clock.now())

    def next_grid_point(self, at_site: StudyAtSite) -> int:
        """The number of the grid point that the next report is of; after the last one also where the clock was ahead once."""
        last = at_site.domain.status().last_grid_point
        return max(self.grid_point(at_site), 0 if last is None else last) + 1

    def is_due(self, at_site: StudyAtSite) -> bool:
        """Whether a grid point has passed that was not released; never where the centre is ahead of this machine."""
        status = at_site.domain.status()
        last = status.last_grid_point
        return not status.overtaken and (last is None or last < self.grid_point(at_site))

    def release(self, at_site: StudyAtSite) -> SignedReport:
        """Releases the last grid point, from the last scan that finished, and puts the report into the outbox."""
        refuse_if_retired(self.settings.state)  # a service that was not stopped for a move
        report = at_site.domain.release(self.contributions(at_site), self.facts(at_site), self.grid_point(at_site))
        at_site.outbox.put(report)
        return report

    def facts(self, at_site: StudyAtSite) -> SiteFacts:
        problems: dict[str, Any] = self.last_scan().get("sources", {})
        up, logs = dict[str, bool](), list[str]()
        for source in self.settings.sources:
            if at_site.settings.sources is None or source.name in at_site.settings.sources:
                logs += [source.name] if source.kind == "learning" else []
                up[source.kind] = up.get(source.kind, True) and problems.get(source.name) is None
        waiting, rounds = at_site.domain.pending_approvals(), learning_rounds(self.inventory, logs)
        return site_facts(at_site.study, at_site.settings.policy, up, waiting, self.storage(), rounds)

    def client(self, at_site: StudyAtSite) -> CentreClient:
        return client_of(at_site.settings.centre)

    def key_requests(self, at_site: StudyAtSite) -> KeyRequests:
        """What the study's centre is asked about our keys when it comes to fetch."""
        return KeyRequests(self.settings.state, at_site.study.id)

    def brought_study(self, at_site: StudyAtSite) -> BroughtStudy:
        """The newest file of the study that a centre which comes to fetch left here."""
        return BroughtStudy(self.settings.state, at_site.study.id)

    def last_scan(self) -> dict[str, Any]:
        """What is remembered of the last scan that finished: see LastScan."""
        return self._scans.remembered()

    def storage(self) -> Literal["ok", "low"]:
        """Whether the volume of the state is low on space; what was said of it before is remembered."""
        remembered = self.settings.state / "storage"
        before = remembered.read_text(encoding="utf-8").strip() if remembered.exists() else None
        now = storage_state(self.settings.state, before)
        if now != before:
            remembered.write_text(now, encoding="utf-8")
        return now

    def has_finished_scan(self) -> bool:
        """Whether the inventory is what the last scan found, whole."""
        return self._scans.is_whole()

    def age_of_last_scan(self) -> dt.timedelta | None:
        return self._scans.age(self.clock.now())
