"""In which state each site is, from its newest accepted report and its own grid."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from studyscope_aggregator.registered_sites import RegisteredSite
from studyscope_aggregator.standing import Standing
from studyscope_contract.grid import Grid
from studyscope_contract.study import Study
from studyscope_contract.study_alerts import AlertThresholds
from studyscope_contract.study_site import StudySite


@dataclass(frozen=True)
class TakenBack:
    """The newest report that a site ever sent, where all of its reports were retracted."""

    grid_point: int
    grid_time: dt.datetime

    @property
    def grid(self) -> Grid:
        return Grid.through(self.grid_point, self.grid_time)


@dataclass(frozen=True)
class Member:
    """One site of one study as it stands in an hour: states change with grid points and days, which begin at full hours.

    `since`: when the window of its newest report ended; of one that never reported, when it could have begun.
    `missed`: grid points of the site that passed without a report. `expected`: a member today that has not left.
    `current`: its numbers belong into the current totals. `taken_back`: its newest report, where none counts any more.
    """

    study: Study
    site: StudySite
    standing: Standing | None
    state: str
    missed: int
    since: dt.datetime
    expected: bool
    current: bool
    taken_back: TakenBack | None = None


def member(
    study: Study,
    site: StudySite,
    registered: RegisteredSite | None,
    standing: Standing | None,
    now: dt.datetime,
    taken_back: TakenBack | None = None,
) -> Member:
    """How `site` stands at `now`; one that never reported is measured on a daily grid, from the day on which it could."""
    first = max(registered.registered, site.member_from) if registered else site.member_from
    since, grid = _newest(standing, taken_back) or (_midnight(first), Grid())
    missed = max(0, grid.index(now) - (standing.grid_point if standing else grid.index(since)))
    state = _state(site, standing, taken_back, missed, study.alerts, now.date())
    expected = site.is_member(now.date()) and not _has_left(standing)
    return Member(
        study=study,
        site=site,
        standing=standing,
        state=state,
        missed=missed,
        since=since,
        expected=expected,
        current=expected and not _dropped(standing, missed, study.alerts, now),
        taken_back=None if standing else taken_back,
    )


def _newest(standing: Standing | None, taken_back: TakenBack | None) -> tuple[dt.datetime, Grid] | None:
    if standing is not None:
        return standing.grid_time, standing.policy.grid
    return (taken_back.grid_time, taken_back.grid) if taken_back else None


def _state(
    site: StudySite,
    standing: Standing | None,
    taken_back: TakenBack | None,
    missed: int,
    alerts: AlertThresholds,
    today: dt.date,
) -> str:
    if site.member_until is not None and site.member_until < today:
        return "closed"
    if standing is None and taken_back is None:
        return "never_reported"
    if standing is None:
        return "silent" if missed >= alerts.silent_after else "retracted"
    if _has_left(standing):
        return "withdrawn"
    if missed >= alerts.silent_after:
        return "silent"
    if missed >= alerts.late_after:
        return "late"
    return {"active": "fresh"}.get(standing.activity, standing.activity)


def _has_left(standing: Standing | None) -> bool:
    """The site took itself out of the study: it need not report any more, and no total waits for it."""
    return standing is not None and standing.activity == "withdrawn"


def _dropped(standing: Standing | None, missed: int, alerts: AlertThresholds, now: dt.datetime) -> bool:
    """Silent, paused or frozen for longer than the study allows."""
    if standing is None:
        return False
    if missed >= alerts.drop_from_current_after:
        return True
    grid = standing.policy.grid
    inactive = grid.index(now) - grid.index(standing.activity_since)
    return standing.activity != "active" and inactive >= alerts.drop_from_current_after


def planned_patients(site: StudySite, day: dt.date) -> int | None:
    """Patients planned by `day`: straight lines from membership to the target in force, None without one.

    A later target bends the line on the day from which it is valid.
    """
    targets = sorted((t for t in site.targets if t.valid_from <= day), key=lambda t: t.valid_from)
    if not targets or day < site.member_from:
        return None
    start, reached = site.member_from, 0.0
    for target, following in zip(targets, [*targets[1:], None], strict=True):
        until = following.valid_from if following else day
        if until <= start:
            continue
        length = max((target.by - start).days, 1)
        share = min((until - start).days / length, 1.0)
        start, reached = until, reached + (target.patients - reached) * share
    return int(reached)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
