"""The page that Prometheus scrapes, from blocks that are made when a report comes.

Three parts. The first follows reports alone: each site's lines of each family are printed once, when
its report is taken. The second follows registry, refusals and the sites' states: targets, totals. The
third is all that every second changes: how old each site's newest report is.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from studyscope_aggregator.consortium import Consortium, SiteKey
from studyscope_aggregator.families import HEADERS, MOVING_FAMILIES, REPORT_FAMILIES, by_family
from studyscope_aggregator.forecast.forecast_task import Forecasts
from studyscope_aggregator.forecast.outlook import Outlook, outlook_samples
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.milestones import milestone_samples
from studyscope_aggregator.packed_lines import PackedLines
from studyscope_aggregator.packed_lines import by_family as lines_by_family
from studyscope_aggregator.page_parts import Page, Part
from studyscope_aggregator.registered_sites import RegisteredSite
from studyscope_aggregator.samples import Sample, published, site_facts
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.state import Member, planned_patients
from studyscope_aggregator.study_totals import StudyTotals, TotalsMemory, study_totals, total_samples
from studyscope_contract.catalogue import centre
from studyscope_contract.mail_choices import MailChoices
from studyscope_contract.study import Study

MOVES_EVERY = dt.timedelta(seconds=1)
"""How old a page may be."""

REPORTED = [series.name for series in REPORT_FAMILIES]
AGES = centre.SITE_REPORT_AGE.name
STILL = [series.name for series in MOVING_FAMILIES if series.name != AGES]


@dataclass(frozen=True)
class _StillOf:
    """All that the first two parts are made from, with the hour, as no site's state changes within one (state.Member)."""

    edition: tuple[int, int]
    hour: dt.datetime
    forecasts: Mapping[str, Outlook]


class Exposition:
    """Makes the page of a consortium; belongs to the consortium's thread."""

    def __init__(self, consortium: Consortium, metrics: OwnMetrics, forecasts: Forecasts) -> None:
        self._consortium, self._metrics, self._forecasts = consortium, metrics, forecasts
        self._blocks: dict[SiteKey, tuple[Standing, PackedLines]] = {}
        self._reported = self._still = Part(())
        self._numbers: tuple[int, int] | None = None
        self._memory: dict[str, TotalsMemory] = {}
        self._totals: dict[str, StudyTotals] = {}
        self._page = Page(())
        self._members: list[Member] = []
        self._made: tuple[_StillOf, dt.datetime] | None = None

    def page(self, now: dt.datetime) -> Page:
        """/metrics at `now`, at most a second old."""
        still_of = _StillOf(self._consortium.edition, now.replace(minute=0, second=0, microsecond=0), self._forecasts.current)
        if self._made is None or self._made[0] != still_of or not dt.timedelta(0) <= now - self._made[1] < MOVES_EVERY:
            started = time.perf_counter()
            self._page = self._render(now, still_of)
            self._made = still_of, now
            self._metrics.render_seconds.set(time.perf_counter() - started)
        return self._page

    def totals(self, now: dt.datetime) -> dict[str, StudyTotals]:
        """The totals of every study at `now`, by study."""
        self._add_up(list(self._consortium.members(now)))
        return self._totals

    def _render(self, now: dt.datetime, still_of: _StillOf) -> Page:
        if self._made is None or self._made[0] != still_of:
            self._members = list(self._consortium.members(now))
            if self._numbers != self._consortium.numbers_edition:
                self._numbers = self._consortium.numbers_edition
                self._reported = Part(self._reported_pieces(self._members))
            self._add_up(self._members)
            self._still = Part(_pieces(self._moving(self._members, now.date()), STILL))
        ages = (Sample(AGES, _who(one), max(0, int((now - one.since).total_seconds()))) for one in self._members)
        page = Page((self._reported, self._still, Part(_pieces(ages, [AGES]), last=True)))
        self._metrics.published_samples.set(sum(part.samples for part in page.parts))
        return page

    def _reported_pieces(self, members: list[Member]) -> Iterator[bytes]:
        blocks: dict[SiteKey, tuple[Standing, PackedLines]] = {}
        for one in members:
            if one.standing is None:
                continue
            key = one.study.id, one.site.id
            made = self._blocks.get(key)
            if made is None or made[0] is not one.standing:
                made = one.standing, PackedLines(_encoded(_of_report(one.standing)))
            blocks[key] = made
        self._blocks = blocks
        return lines_by_family([packed for _, packed in blocks.values()], REPORTED, HEADERS)

    def _add_up(self, members: list[Member]) -> None:
        studies: dict[str, tuple[Study, list[Member]]] = {}
        for one in members:
            studies.setdefault(one.study.id, (one.study, []))[1].append(one)
        self._totals = {
            name: study_totals(
                study, sites, self._memory.setdefault(name, TotalsMemory()), partial(self._consortium.registry.definition, name)
            )
            for name, (study, sites) in studies.items()
        }

    def _moving(self, members: list[Member], today: dt.date) -> Iterator[Sample]:
        expected: dict[str, int] = {}
        for one in members:
            expected[one.study.id] = expected.get(one.study.id, 0) + one.expected
            yield from _site_samples(one)
            yield from _target_samples(one, today)
            yield from milestone_samples(one.study, one.site, self._consortium.registry.passed)
            yield from _key_samples(one, self._consortium.registry.sites.get(one.site.id), today)
            for reason, refusals in self._consortium.refusals(one.study.id, one.site.id).items():
                yield Sample(centre.SITE_REFUSED_REPORTS.name, (*_who(one), ("reason", reason)), refusals.count)
            yield from _downtime_samples(one, self._consortium.registry.choices, today)
            yield Sample(centre.SITE_RETRACTED.name, _who(one), self._consortium.retracted_reports(one.study.id, one.site.id))
        for closing in self._consortium.registry.closings:
            if closing.into is not None:
                who = (("study", closing.study), ("site", closing.site), ("into", closing.into))
                yield Sample(centre.SITE_MERGED.name, who, 1)
        for file in self._consortium.registry.studies.values():
            waiting = self._consortium.registry.waiting.get(file.study.id, 0)
            yield from _study_samples(file.study, expected.get(file.study.id, 0))
            yield Sample(centre.ENROLMENT_REQUESTS.name, (("study", file.study.id),), waiting)
        for totals in self._totals.values():
            yield from total_samples(totals)
        for outlook in self._forecasts.current.values():
            yield from outlook_samples(outlook)


def _pieces(samples: Iterable[Sample], names: list[str]) -> Iterator[bytes]:
    """The families in the order of `names`, each with its header before its lines."""
    lines = _encoded(samples)
    return (HEADERS[name] + lines[name] for name in names if name in lines)


def _encoded(samples: Iterable[Sample]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in by_family(samples).items()}


def _of_report(standing: Standing) -> Iterator[Sample]:
    yield from published(standing)
    yield from site_facts(standing)


def _who(one: Member) -> tuple[tuple[str, str], ...]:
    return (("study", one.study.id), ("site", one.site.id))


def _site_samples(one: Member) -> Iterator[Sample]:
    who, site = _who(one), one.site
    place = (("latitude", str(site.latitude)), ("longitude", str(site.longitude)))
    yield Sample(centre.SITE_INFO.name, (*who, ("name", site.name), ("city", site.city), *place), 1)
    for state in centre.SITE_STATES:
        yield Sample(centre.SITE_STATE.name, (*who, ("state", state)), int(state == one.state))
    yield Sample(centre.SITE_MISSED_GRID_POINTS.name, who, one.missed)


def _key_samples(one: Member, registered: RegisteredSite | None, today: dt.date) -> Iterator[Sample]:
    keys = registered.keys if registered else ()
    last = max((key.valid_until for key in keys if key.is_valid(today)), default=None)
    if last is not None:
        end = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), dt.UTC)
        yield Sample(centre.SITE_KEY_EXPIRY.name, _who(one), end.timestamp())


def _downtime_samples(one: Member, choices: MailChoices, today: dt.date) -> Iterator[Sample]:
    downtime = choices.downtime(one.site.id)
    if downtime is not None and downtime.first <= today <= downtime.last:
        yield Sample(centre.SITE_DOWNTIME.name, _who(one), downtime.end.timestamp())


def _target_samples(one: Member, today: dt.date) -> Iterator[Sample]:
    target, planned = one.site.target(today), planned_patients(one.site, today)
    if target is not None:
        yield Sample(centre.SITE_TARGET.name, _who(one), target.patients)
        yield Sample(centre.SITE_TARGET_DUE.name, _who(one), dt.datetime.combine(target.by, dt.time(), dt.UTC).timestamp())
    if planned is not None:
        yield Sample(centre.SITE_TARGET_BY_NOW.name, _who(one), planned)


def _study_samples(study: Study, expected: int) -> Iterator[Sample]:
    label = ("study", study.id)
    yield Sample(centre.STUDY_INFO.name, (label, ("title", study.title), ("version", str(study.version))), 1)
    yield Sample(centre.SITES_EXPECTED.name, (label,), expected)
    yield Sample(centre.NEVER_REPORTED_AFTER.name, (label,), study.alerts.never_reported_after)
    for name in centre.ALERT_THRESHOLDS:
        yield Sample(centre.ALERT_THRESHOLD.name, (label, ("threshold", name)), getattr(study.alerts, name))
