"""The curves of every site: one release for each week, read from the store once and then kept up to date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from studyscope_aggregator.consortium import SiteKey
from studyscope_aggregator.forecast.curve import Curve, Release
from studyscope_aggregator.forecast.pace import LONGEST
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.state import Member
from studyscope_aggregator.store import ReportStore
from studyscope_aggregator.stored_report import stored_standing

Week = tuple[int, int]
WEEK = dt.timedelta(days=7)


class Accrual:
    """Belongs to one thread at a time; reading a site for the first time costs up to 80 reports of it.

    Of each calendar week the site's last report counts, so that two aggregators on one store see the same curves.
    """

    def __init__(self, store: ReportStore) -> None:
        self._store = store
        self._weeks: dict[SiteKey, dict[Week, Release | None]] = {}
        self._retractions = 0

    def curves(self, members: Sequence[Member], retractions: int) -> list[Curve]:
        """Curves of the sites among `members` that are expected; a new retraction has everything read again.

        Raises StoreUnavailable.
        """
        if retractions != self._retractions:
            self._weeks, self._retractions = {}, retractions
        return [self._curve(one, one.standing) for one in members if one.expected and one.standing is not None]

    def _curve(self, one: Member, standing: Standing) -> Curve:
        key = one.study.id, one.site.id
        if key not in self._weeks:
            self._weeks[key] = dict(self._read(key, standing))
        weeks = self._weeks[key]
        weeks[_week(standing.grid_time)] = Release.of(standing)
        for week in [week for week in weeks if week < _week(standing.grid_time - LONGEST - WEEK)]:
            del weeks[week]
        return Curve(one.site.id, _releases(weeks), standing.grid_time, one.current)

    def _read(self, key: SiteKey, newest: Standing) -> Iterator[tuple[Week, Release | None]]:
        last: dict[Week, int] = {}
        for sequence, moment in self._store.grid_times(*key, 0):
            if moment >= newest.grid_time - LONGEST - WEEK and sequence < newest.sequence:
                last[_week(moment)] = sequence
        for week, sequence in last.items():
            for entry in self._store.reports(*key, sequence - 1, 1):
                standing = stored_standing(entry)
                # A retracted report is passed over, and what comes after it can be of another week.
                if standing is not None and _week(standing.grid_time) == week:
                    yield week, Release.of(standing)


def _week(moment: dt.datetime) -> Week:
    return moment.isocalendar()[:2]


def _releases(weeks: dict[Week, Release | None]) -> tuple[Release, ...]:
    """Each release once, oldest first. A number that fell (people withdrawn, a new start) begins the curve anew."""
    releases: list[Release] = []
    for _, release in sorted(weeks.items()):
        if release is None or (releases and release.at == releases[-1].at):
            continue
        if releases and (release.value < releases[-1].value or release.version < releases[-1].version):
            releases = []
        releases.append(release)
    return tuple(releases)
