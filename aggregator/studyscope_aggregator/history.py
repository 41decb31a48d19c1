"""History: one sample per series and UTC day, at the public grid time of the report that holds on that day.

A report holds from its grid point until the site's next one, so a weekly report gives seven daily
samples, each written when its day has come. The mark of a site says which days are written.
Published tables, the site's targets and its activity have history; a day without activity had no report.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from studyscope_aggregator.samples import Sample, published
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.state import planned_patients
from studyscope_aggregator.store import Entry, HistoryMark, Retraction
from studyscope_aggregator.stored_report import stored_standing
from studyscope_aggregator.write_request import Point
from studyscope_contract.catalogue import centre
from studyscope_contract.study_site import StudySite

DAY = dt.timedelta(days=1)
LONGEST_HOLD = 7 * DAY
"""No grid is coarser than weekly: so long a report holds at most."""
REVISION = ("revision", "0")


@dataclass(frozen=True)
class Day:
    """All history of one site on one UTC day."""

    mark: HistoryMark
    moment: dt.datetime
    points: tuple[Point, ...]


def due_days(
    site: StudySite, entries: Sequence[Entry], mark: HistoryMark | None, now: dt.datetime, *, complete: bool
) -> Iterator[Day]:
    """Days that are due and not written, oldest first.

    `entries`: the site's reports from the marked one on, in order. `complete`: no later one is
    stored; otherwise the last of them only ends the one before it.
    """
    written = mark.day if mark else dt.date.min
    for position, entry in enumerate(entries if complete else entries[:-1]):
        following = entries[position + 1].grid_time if position + 1 < len(entries) else None
        if following is not None and following.date() <= written:
            continue
        standing = stored_standing(entry)
        if standing is None:
            continue
        for moment in _moments(standing, following, now):
            if moment.date() > written:
                written = moment.date()
                yield Day(HistoryMark(standing.sequence, written), moment, tuple(_points(standing, site, moment)))


def retraction_points(
    retraction: Retraction, grid_times: Sequence[tuple[int, dt.datetime]], mark: HistoryMark | None
) -> Iterator[Point]:
    """The marker of a retraction: 1 at the moment of every day that its reports had given and that is written.

    `grid_times`: of the site's reports from the span's first on. Queries take marked days out with `unless`.
    """
    who = (("study", retraction.study), ("site", retraction.site), REVISION)
    for position, (sequence, moment) in enumerate(grid_times):
        if sequence > retraction.last or mark is None:
            return
        following = grid_times[position + 1][1] if position + 1 < len(grid_times) else moment + LONGEST_HOLD
        while moment < min(following, grid_times[position][1] + LONGEST_HOLD) and moment.date() <= mark.day:
            yield Point(centre.history_name(centre.SITE_RETRACTED.name), who, 1, int(moment.timestamp() * 1000))
            moment += DAY


def is_due(standing: Standing, mark: HistoryMark | None, now: dt.datetime) -> bool:
    """Whether there may be days to write, told without reading the store."""
    if mark is None or standing.sequence > mark.sequence:
        return True
    return any(moment.date() > mark.day for moment in _moments(standing, None, now))


def _moments(standing: Standing, following: dt.datetime | None, now: dt.datetime) -> Iterator[dt.datetime]:
    for days in range(standing.policy.grid.every_days):
        moment = standing.grid_time + days * DAY
        if moment > now or (following is not None and moment >= following):
            return
        yield moment


def _points(standing: Standing, site: StudySite, moment: dt.datetime) -> Iterator[Point]:
    millis = int(moment.timestamp() * 1000)
    for sample in (*published(standing), *_of_the_site(standing, site, moment.date())):
        yield Point(centre.history_name(sample.name), (*sample.labels, REVISION), sample.value, millis)


def _of_the_site(standing: Standing, site: StudySite, day: dt.date) -> Iterator[Sample]:
    who = (("study", standing.study), ("site", standing.site))
    target, planned = site.target(day), planned_patients(site, day)
    yield Sample(centre.SITE_ACTIVITY.name, who, centre.ACTIVITIES.index(standing.activity))
    if target is not None:
        yield Sample(centre.SITE_TARGET.name, who, target.patients)
    if planned is not None:
        yield Sample(centre.SITE_TARGET_BY_NOW.name, who, planned)
