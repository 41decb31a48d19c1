"""What the page of one site says: what it sent and when that arrived, what was refused and why, what it shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.overview import OFFER_WORDS, STATE_WORDS, last_report
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.state import Member
from studyscope_aggregator.store import Receipt, ReportStore, Retraction
from studyscope_contract.catalogue import TABLES

SHOWN_REPORTS = 60
DAY = dt.timedelta(days=1)
LATE = DAY
"""A report that arrives so long after its grid point was held up on its way."""


@dataclass(frozen=True)
class Arrival:
    """A report that the centre holds, from its receipt."""

    sequence: int
    day: dt.date
    arrived: dt.datetime
    late_days: int
    sha256: str
    taken_back: str
    """Why it was retracted; empty for one that counts."""

    @property
    def late_words(self) -> str:
        return f"{self.late_days} day{'s' if self.late_days > 1 else ''} late" if self.late_days else ""


@dataclass(frozen=True)
class Refused:
    """Refused reports for one reason."""

    reason: str
    count: int
    last: dt.datetime
    message: str


@dataclass(frozen=True)
class TableRow:
    """What the site says of one table."""

    id: str
    counts: str
    offer: str
    moved: str
    times: int


@dataclass(frozen=True)
class Day:
    """One day of the strip: what came for it."""

    date: dt.date
    kind: str
    """`came`, `late`, `taken_back` or `none`."""
    words: str


@dataclass(frozen=True)
class SiteView:
    """One site in one study."""

    state: str
    state_words: str
    last_report: str
    study_version: str
    release: str
    policy: str
    key_until: str
    arrivals: tuple[Arrival, ...]
    days: tuple[Day, ...]
    refused: tuple[Refused, ...]
    tables: tuple[TableRow, ...]


def arrivals(store: ReportStore, retractions: Sequence[Retraction], study: str, site: str) -> tuple[Arrival, ...]:
    """The newest reports of a site, newest first. Raises StoreUnavailable."""
    taken_back = {
        number: one.why
        for one in retractions
        if (one.study, one.site) == (study, site)
        for number in range(one.first, one.last + 1)
    }
    newest = store.grid_times(study, site, 0)[-SHOWN_REPORTS:]
    found = [
        _arrival(receipt, moment, taken_back.get(sequence, ""))
        for sequence, moment in reversed(newest)
        if (receipt := store.receipt(study, site, sequence)) is not None
    ]
    return tuple(found)


def _arrival(receipt: Receipt, moment: dt.datetime, taken_back: str) -> Arrival:
    late = receipt.accepted_at - moment
    days = late // DAY if late >= LATE else 0
    return Arrival(receipt.sequence, moment.date(), receipt.accepted_at, days, receipt.sha256, taken_back)


def site_view(one: Member, consortium: Consortium, sent: tuple[Arrival, ...], now: dt.datetime) -> SiteView:
    """The page of one site; `sent` comes from `arrivals`."""
    standing, study = one.standing, one.study
    registered = consortium.registry.sites.get(one.site.id)
    keys = [key for key in registered.keys if key.is_valid(now.date())] if registered else []
    refusals = consortium.refusals(study.id, one.site.id).items()
    accepted = standing.facts.study_version if standing else None
    version = "" if accepted is None else f"version {accepted} of the study file"
    return SiteView(
        state=one.state,
        state_words=STATE_WORDS[one.state],
        last_report=last_report(one),
        study_version=f"{version}; in force is {study.version}" if accepted not in {None, study.version} else version,
        release=standing.facts.release if standing else "",
        policy=_policy(standing),
        key_until=max(key.valid_until for key in keys).isoformat() if keys else "",
        arrivals=sent,
        days=_strip(sent, standing, now),
        refused=tuple(
            Refused(reason.replace("_", " "), found.count, found.last_at, found.last_message) for reason, found in refusals
        ),
        tables=_tables(standing),
    )


def _policy(standing: Standing | None) -> str:
    if standing is None:
        return ""
    stated = standing.policy.parameters
    return f"{standing.policy.preset}: multiples of {stated.b}, nothing under {stated.s}"


def _strip(sent: Sequence[Arrival], standing: Standing | None, now: dt.datetime) -> tuple[Day, ...]:
    """The last SHOWN_REPORTS days; a weekly grid has gaps that are none."""
    if standing is None:
        return ()
    by_day, every = {one.day: one for one in sent}, standing.policy.grid.every_days
    days, last = [], standing.grid_time.date()
    for back in reversed(range(SHOWN_REPORTS)):
        date = now.date() - dt.timedelta(days=back)
        found = by_day.get(date)
        if found is not None:
            kind = "taken_back" if found.taken_back else "late" if found.late_days else "came"
            words = f", {found.late_words}" if found.late_words else ""
            days.append(Day(date, kind, f"{date}: report {found.sequence}{words}"))
        elif (date - last).days % every == 0:
            days.append(Day(date, "none", f"{date}: no report"))
    return tuple(days)


def _tables(standing: Standing | None) -> tuple[TableRow, ...]:
    if standing is None:
        return ()
    shown: dict[str, list[tuple[dt.datetime, int]]] = {}
    for key, table in standing.tables.items():
        shown.setdefault(key.table, []).append((table.released, table.version))
    rows = []
    for name, offer in sorted(standing.facts.tables.items()):
        moved = max(shown.get(name, []), default=None)
        words = OFFER_WORDS.get(offer, "offered" if moved else "offered, nothing shown yet")
        counts = TABLES[name].help if name in TABLES else ""
        rows.append(TableRow(name, counts, words, moved[0].date().isoformat() if moved else "", moved[1] if moved else 0))
    return tuple(rows)
