"""Everything that the centre knows now, in memory: registry, newest reports, refusals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from studyscope_aggregator.content_rules import StudyRules
from studyscope_aggregator.refusal import ELSEWHERE
from studyscope_aggregator.registry import Registry
from studyscope_aggregator.registry_watch import RegistryWatch
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.state import Member, TakenBack, member
from studyscope_aggregator.store import Refusals, ReportStore, Retraction
from studyscope_aggregator.stored_report import stored_standing

SiteKey = tuple[str, str]


class Consortium:
    """Built from the store at the start and kept up to date by `take` and `refused`.

    `edition` grows with every change, so that what is derived can be kept until then. Belongs to
    one thread.
    """

    def __init__(self, watch: RegistryWatch, store: ReportStore) -> None:
        self._watch, self._store = watch, store
        self._standings: dict[SiteKey, Standing] = {}
        self._rules: dict[tuple[str, int], StudyRules] = {}
        self._changes = 0
        self._reports = 0
        self._refusals: dict[tuple[str, str, str], Refusals] = dict(store.refusals())
        self._retractions = store.retractions()
        self._taken_back: dict[SiteKey, TakenBack | None] = {}
        self._followed = watch.edition
        for entry in store.newest():
            standing = stored_standing(entry)
            if standing is not None:
                self._standings[standing.study, standing.site] = standing

    @property
    def registry(self) -> Registry:
        return self._watch.current()

    def registry_changed(self) -> None:
        """Something was written into the registry here."""
        self._watch.look_again()

    @property
    def edition(self) -> tuple[int, int]:
        """Changes when the registry, a standing or a refusal did."""
        self._follow()
        return self._watch.edition, self._changes

    @property
    def numbers_edition(self) -> tuple[int, int]:
        """Changes when the registry or a standing did."""
        self._follow()
        return self._watch.edition, self._reports

    @property
    def retractions(self) -> list[Retraction]:
        """Every retraction that is in force here."""
        self._follow()
        return self._retractions

    def retracted_reports(self, study: str, site: str) -> int:
        """How many numbers of reports of the site are in a retraction."""
        spans = [range(one.first, one.last + 1) for one in self._retractions if (one.study, one.site) == (study, site)]
        return len(set().union(*spans)) if spans else 0

    def _follow(self) -> None:
        """A retraction is an act of another program: its line in the log of acts is what is seen here."""
        self._watch.current()
        if self._watch.edition == self._followed:
            return
        self._followed = self._watch.edition
        before, self._retractions = self._retractions, self._store.retractions()
        for study, site in {(one.study, one.site) for one in self._retractions[len(before) :]}:
            entry = self._store.newest_of(study, site)
            standing = stored_standing(entry) if entry else None
            self._standings.pop((study, site), None)
            self._taken_back.pop((study, site), None)
            if standing is not None:
                self._standings[study, site] = standing
            self._reports += 1
            self._changes += 1

    def rules(self, study_id: str, version: int) -> StudyRules | None:
        """The rules of the version that a site accepted where it is known, else in force; None for an unknown study."""
        study = self.registry.definition(study_id, version) or self.registry.study(study_id)
        if study is None:
            return None
        rules = self._rules.get((study_id, study.version))
        if rules is None or rules.study is not study:  # a study that no act changed is the same object (ParsedFiles)
            rules = self._rules[study_id, study.version] = StudyRules(study)
        return rules

    def standing(self, study: str, site: str) -> Standing | None:
        return self._standings.get((study, site))

    def take(self, standing: Standing) -> None:
        """A report was stored; an older one that another task stored later changes nothing."""
        before = self._standings.get((standing.study, standing.site))
        if before is None or before.sequence < standing.sequence:
            self._standings[standing.study, standing.site] = standing
            self._reports += 1
            self._changes += 1

    def show(self, standing: Standing) -> None:
        """What the store now gives as the newest report of a site, also where that is an older one."""
        self._standings[standing.study, standing.site] = standing
        self._reports += 1
        self._changes += 1

    def forget(self, study: str, site: str, sequence: int) -> None:
        """Nothing of the site is to be shown any more, unless a newer report came meanwhile."""
        shown = self._standings.get((study, site))
        if shown is not None and shown.sequence == sequence:
            del self._standings[study, site]
            self._taken_back.pop((study, site), None)
            self._reports += 1
            self._changes += 1

    def sequences(self) -> dict[SiteKey, int]:
        """Sequence numbers of what is shown."""
        return {key: standing.sequence for key, standing in self._standings.items()}

    def refusals_are(self, refusals: Mapping[tuple[str, str, str], Refusals]) -> None:
        """What the store has counted, of every aggregator."""
        if any(self._refusals.get(key) != value for key, value in refusals.items()):
            self._refusals.update(refusals)
            self._changes += 1

    def refused(self, study: str, site: str, reason: str, at: dt.datetime, message: str) -> None:
        """A refusal was stored."""
        before = self._refusals.get((study, site, reason))
        self._refusals[study, site, reason] = Refusals((before.count if before else 0) + 1, at, message)
        self._changes += 1

    def refusals(self, study: str, site: str) -> dict[str, Refusals]:
        """Refusals of one site by reason."""
        return {key[2]: value for key, value in sorted(self._refusals.items()) if key[:2] == (study, site)}

    def refusals_elsewhere(self) -> dict[str, Refusals]:
        """Refusals that named no registered study and site."""
        return self.refusals(ELSEWHERE, ELSEWHERE)

    def members(self, now: dt.datetime) -> Iterator[Member]:
        """Every site of every study, as it stands at `now`."""
        self._follow()
        for study, site, registered in self.registry.memberships():
            key = study.id, site.id
            standing = self._standings.get(key)
            yield member(study, site, registered, standing, now, None if standing else self._newest_taken_back(key))

    def _newest_taken_back(self, key: SiteKey) -> TakenBack | None:
        """Of a site that shows nothing: the newest report that it sent, where that was retracted; asked of the store once."""
        if key not in self._taken_back:
            last = self._store.last(*key) if any((one.study, one.site) == key for one in self._retractions) else None
            receipt = self._store.receipt(*key, last.sequence) if last else None
            self._taken_back[key] = TakenBack(receipt.grid_point, last.grid_time) if last and receipt else None
        return self._taken_back[key]
