"""Both kinds of total hold the truth while sites join, leave, fall silent, change policy and version, merge and are retracted.

The truth is what every expected site had at its newest report that counts. It is kept here by rules of
its own: days, spans and versions as the story says them, never as the aggregator works them out.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator_cast import NOW, Centre, a_report, a_study, a_table
from studyscope_aggregator.audit_log import Act, AuditLog
from studyscope_aggregator.closings import close
from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.exposition import Exposition
from studyscope_aggregator.forecast.forecast_task import Forecasts
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.registered_sites import Closing
from studyscope_aggregator.registry_watch import RegistryWatch
from studyscope_aggregator.signed_studies import SignedStudies
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.store import Entry, Receipt
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_aggregator.totals import NOTHING
from studyscope_contract.catalogue import TABLES
from studyscope_contract.grid import Grid
from studyscope_contract.keys import SigningKey
from studyscope_contract.metric import Kind, TableKey
from studyscope_contract.policy import PRESETS, Policy
from studyscope_contract.report import PolicyStatement, ProtectedTable, SiteFacts
from studyscope_contract.signed_study import SignedStudy

SITES = ("berlin", "lyon", "oslo", "prague")
KEYS = tuple(
    TableKey(*key)
    for key in (("population",), ("sex",), ("image_series",), ("job_outcome", "segment"), ("structure_volume", "liver"))
)
OFFERS = ("offered", "offered", "offered", "refused", "not_approved", "no_source")
DROPPED_AFTER = 14
"""Missed or inactive days of the study file; every site here is on the daily grid."""
STORIES = int(os.environ.get("STUDYSCOPE_STORIES", "6"))

Cells = dict[tuple[str, ...], int]


def codes_of(key: TableKey) -> list[tuple[str, ...]]:
    return [tuple(codes) for codes in TABLES[key.table].cells]


def published(key: TableKey, true: Cells, preset: str) -> Cells:
    """What a policy lets out; of a sensitive table no cell with everybody, of a histogram whole steps or nothing."""
    table, parameters = TABLES[key.table], PRESETS[preset]
    if table.kind is Kind.MAGNITUDE:
        shown = parameters.published_sum(true[()], table.clip)
        return {} if shown is None or shown < parameters.s else {(): shown}
    if table.kind is Kind.HISTOGRAM:
        return _steps(true, preset)
    found = {codes: shown for codes, count in true.items() if (shown := parameters.published(count)) is not None}
    everybody = parameters.published(sum(true.values()))
    return {codes: shown for codes, shown in found.items() if not (table.sensitive and shown == everybody)}


def _steps(true: Cells, preset: str) -> Cells:
    merged, waiting = Cells(), 0
    for codes, count in true.items():
        waiting += count
        shown = PRESETS[preset].published(waiting)
        if shown is not None:
            merged[codes], waiting = shown, 0
    return merged if ("+Inf",) in merged and len(merged) > 1 else {}


@dataclass
class Told:
    """One report and the truth behind it."""

    day: int
    version: int
    activity: str
    active_since: int
    offered: dict[TableKey, bool]
    true: dict[TableKey, Cells]


@dataclass
class Life:
    """A centre, and beside it what is true."""

    folder: Path
    day: int = 0
    version: int = 1
    reports: dict[str, list[Told]] = field(default_factory=dict)
    hidden: set[tuple[str, int]] = field(default_factory=set)
    joined: dict[str, int] = field(default_factory=lambda: {site: -30 for site in SITES[:2]})
    last_day: dict[str, int] = field(default_factory=dict)
    cohorts: dict[int, str] = field(default_factory=lambda: {1: "CT"})

    def __post_init__(self) -> None:
        self.centre, self.store, self.key = Centre(self.folder / "registry", SITES), MemoryStore(), SigningKey.generate()
        self._new_version()
        ticks = iter(range(0, 10**9, 60))
        watch = RegistryWatch(self.centre.folder, OwnMetrics(), self, lambda: float(next(ticks)))
        self.consortium = Consortium(watch, self.store)
        self.exposition = Exposition(self.consortium, OwnMetrics(), Forecasts())

    def now(self) -> dt.datetime:
        return NOW + dt.timedelta(days=self.day)

    def _new_version(self) -> None:
        content = a_study(SITES, self.version)
        rows = {row["id"]: row for row in content["sites"]}  # type: ignore[attr-defined]
        sites = []
        for site, since in self.joined.items():
            until = self.last_day.get(site)
            ends = {"member_until": self._date(until).isoformat()} if until is not None else {}
            sites.append(rows[site] | {"member_from": self._date(since).isoformat()} | ends)
        cohort = {"modalities": [self.cohorts[self.version]]}
        self.centre.write_study(self.version, sites=sites, cohort=cohort)
        file = self.centre.folder / "studies" / "liver.yaml"
        SignedStudies(self.centre.folder).add(SignedStudy.sign(file.read_bytes(), file, self.key))

    def _date(self, day: int) -> dt.date:
        return NOW.date() + dt.timedelta(days=day)

    def pass_days(self, days: int) -> None:
        self.day += days

    def amend(self, *, otherwise: bool) -> None:
        """A new version of the study, which counts somebody else or changes no definition."""
        cohort = self.cohorts[self.version]
        self.version += 1
        self.cohorts[self.version] = {"CT": "MR", "MR": "CT"}[cohort] if otherwise else cohort
        self._new_version()

    def join(self, site: str, in_days: int) -> None:
        if site not in self.joined:
            self.joined[site] = self.day + in_days
            self.amend(otherwise=False)

    def leave(self, site: str, in_days: int) -> None:
        if site in self.joined and site not in self.last_day:
            self.last_day[site] = max(self.day + in_days, self.joined[site])
            self.amend(otherwise=False)

    def merge(self, site: str, into: str) -> None:
        if site in self.joined and site != into:
            self.last_day[site] = min(self.day - 1, self.last_day.get(site, self.day))
            close(self.centre.folder, Closing(study="liver", site=site, last_day=self._date(self.day - 1), into=into, why="one"))

    def retract(self, site: str, first: int) -> None:
        span = range(first, len(self.reports.get(site, ())) + 1)
        if span:
            self.store.retract("liver", site, span[0], span[-1], "wrong", self.now()).result()
            AuditLog(self.centre.folder).record(Act(self.now(), "test", "retract", {}))
            self.hidden.update((site, number) for number in span)

    def report(self, site: str, told: Told, preset: str, offers: dict[TableKey, str]) -> None:
        before = self.reports.setdefault(site, [])
        if before and before[-1].activity == told.activity:
            told.active_since = before[-1].active_since
        before.append(told)
        tables = [self._table(key, told.true[key], preset) for key, offer in offers.items() if offer == "offered"]
        tables = [] if told.activity == "withdrawn" else tables
        facts = SiteFacts(
            release="0.1.0",
            study_version=told.version,
            tables={key.table: offer for key, offer in offers.items()},  # type: ignore[misc]
        )
        report = a_report(
            site,
            len(before),
            Grid().index(self.now()),
            tuple(table for table in tables if table is not None),
            policy=PolicyStatement.of(Policy.model_validate({"preset": preset})),
            facts=facts,
            activity=told.activity,
        )
        since = Grid().moment(Grid().index(NOW) + told.active_since)
        receipt = Receipt("liver", site, len(before), report.grid_point, "0" * 64, self.now())
        self.store.append(Entry(receipt, self.centre.signed(report).to_bytes(), self.now(), since)).result()
        self.consortium.take(Standing.of(report, since))

    @staticmethod
    def _table(key: TableKey, true: Cells, preset: str) -> ProtectedTable | None:
        cells = published(key, true, preset)
        return a_table(key.table, cells, key.per) if cells else None

    def newest(self, site: str) -> Told | None:
        numbered = enumerate(self.reports.get(site, ()), start=1)
        return next((told for number, told in reversed(list(numbered)) if (site, number) not in self.hidden), None)

    def expected(self, kind: str) -> list[str]:
        found = []
        for site, since in self.joined.items():
            told = self.newest(site)
            if not since <= self.day <= self.last_day.get(site, self.day) or (told is not None and told.activity == "withdrawn"):
                continue
            if kind == "last_known" or told is None or not self._dropped(told):
                found.append(site)
        return found

    def _dropped(self, told: Told) -> bool:
        idle = self.day - told.active_since if told.activity != "active" else 0
        return max(self.day - told.day, idle) >= DROPPED_AFTER

    def known(self, site: str) -> Told | None:
        """The newest report of the site, where it is about what the version in force counts."""
        told = self.newest(site)
        return told if told is not None and self.cohorts[told.version] == self.cohorts[self.version] else None

    def look(self) -> None:
        """Every bound of both kinds against the truth; a centre that starts anew says the same."""
        found = self.exposition.totals(self.now())["liver"]
        for kind in ("current", "last_known"):
            sites = [self.known(site) for site in self.expected(kind)]
            for key in KEYS:
                self._holds(key, sites, {cell.codes: (cell.lower, cell.upper) for cell in found.of(kind, key).cells})
                if not any(told is not None and told.offered[key] for told in sites):
                    assert found.of(kind, key) is NOTHING

    def _holds(self, key: TableKey, sites: list[Told | None], bounds: dict[tuple[str, ...], tuple[int, int | None]]) -> None:
        codes, histogram = codes_of(key), TABLES[key.table].kind is Kind.HISTOGRAM
        for cell, (lower, upper) in bounds.items():
            counted = codes[: codes.index(cell) + 1] if histogram else [cell]
            true = sum(told.true[key][code] for told in sites if told is not None for code in counted)
            assert lower <= true
            assert upper is None or (None not in sites and true <= upper)
        simple = TABLES[key.table].kind is not Kind.MAGNITUDE and not histogram and not TABLES[key.table].sensitive
        if simple and bounds and all(told is not None and told.offered[key] for told in sites):
            assert all(upper is not None for _, upper in bounds.values()), "nothing is missing but what the threshold hides"


@st.composite
def reports(draw: st.DrawFn) -> Callable[[Life], None]:
    site, preset = draw(st.sampled_from(SITES)), draw(st.sampled_from(sorted(PRESETS)))
    offers = {key: draw(st.sampled_from(OFFERS)) for key in KEYS}
    counts = st.integers(0, 400) | st.integers(0, 20)
    true = {key: {codes: draw(counts) for codes in codes_of(key)} for key in KEYS}
    true[KEYS[2]] = {(): draw(st.integers(30, 9000))}
    activity = draw(st.sampled_from(["active", "active", "active", "active", "paused", "frozen", "withdrawn"]))
    older = draw(st.integers(0, 1))
    offered = {key: offer == "offered" for key, offer in offers.items()}

    def tell(life: Life) -> None:
        version = max(1, life.version - older)
        life.report(site, Told(life.day, version, activity, life.day, offered, true), preset, offers)

    return tell


@st.composite
def acts(draw: st.DrawFn) -> Callable[[Life], None]:
    kind = draw(st.sampled_from(["pass", "pass", "join", "leave", "merge", "retract", "amend"]))
    site, other = draw(st.sampled_from(SITES)), draw(st.sampled_from(SITES))
    days, otherwise = draw(st.integers(0, 16)), draw(st.booleans())
    return {
        "pass": lambda life: life.pass_days(days),
        "join": lambda life: life.join(site, days // 4),
        "leave": lambda life: life.leave(site, days // 4),
        "merge": lambda life: life.merge(site, other),
        "retract": lambda life: life.retract(site, 1 + days // 4),
        "amend": lambda life: life.amend(otherwise=otherwise),
    }[kind]


@settings(max_examples=STORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=st.lists(st.one_of(reports(), reports(), acts()), min_size=4, max_size=16))
def test_bounds_hold_the_truth_at_each_site_s_last_release_whatever_happens(
    story: list[Callable[[Life], None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    life = Life(tmp_path_factory.mktemp("life"))
    for happens in story:
        happens(life)
        life.look()

    anew = Consortium(RegistryWatch(life.centre.folder, OwnMetrics(), life), life.store)
    from_store = Exposition(anew, OwnMetrics(), Forecasts()).totals(life.now())["liver"]
    assert from_store.tables == life.exposition.totals(life.now())["liver"].tables
