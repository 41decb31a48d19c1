"""The exporter as a service: scan before each grid point, release at it, deliver at the site's own minute.

For every grid point G of the finest grid among the site's studies, in this order:
    G - scan_hours_before   a scan begins; at G it pauses, however far it is, and goes on after delivery
    G                       release from the last scan that finished
    G + minute              delivery of everything that waits; a centre that cannot be reached is tried
                            again with growing pauses until the next scan begins
The moment of delivery depends on the grid and the site's name alone, never on how much there was to read.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import threading
from collections.abc import Callable

from studyscope_exporter.accepted_study import newly_accepted
from studyscope_exporter.clock import Clock
from studyscope_exporter.delivery.fetched import fetchable
from studyscope_exporter.delivery.push import NotDelivered, backoff_seconds
from studyscope_exporter.disclosure.errors import KeyChanged
from studyscope_exporter.handing_in import hand_in, shelves_of
from studyscope_exporter.local_metrics.gauges import LocalMetrics
from studyscope_exporter.local_metrics.serving import served
from studyscope_exporter.local_metrics.standing import tell_scan, tell_standing
from studyscope_exporter.page.serving import served_beside
from studyscope_exporter.settings import SiteSettings
from studyscope_exporter.site import Site, StudyAtSite
from studyscope_exporter.sources.source import NoProgress
from studyscope_exporter.troubles import tell_about

log = logging.getLogger(__name__)

LOOK_EVERY = dt.timedelta(minutes=10)


class _CutOff(Exception):
    """The grid point came while a scan was running."""


class _StudyAccepted(Exception):
    """A newer version of a study file is there: the site is opened anew with it."""


class _UntilCutOff(NoProgress):
    """Ends a scan at the cut-off or when the program is to stop; what was read so far is kept."""

    def __init__(self, clock: Clock, cut_off: dt.datetime, stop: threading.Event) -> None:
        self._clock, self._cut_off, self._stop = clock, cut_off, stop

    def advance(self, items: int = 1) -> None:  # noqa: ARG002
        if self._stop.is_set() or self._clock.now() >= self._cut_off:
            raise _CutOff


def run(settings: SiteSettings, clock: Clock, stop: threading.Event, ready: Callable[[], None] = lambda: None) -> None:
    """Runs until `stop` is set (and `clock.wake` called); `ready` is called once everything is open."""
    metrics = LocalMetrics()
    with served(metrics.registry, settings.local_metrics), served_beside(settings, clock):
        while not stop.is_set():
            try:
                _run_with_todays_keys(settings, clock, stop, metrics, ready)
            except KeyChanged:
                log.info("this site has a new signing key; going on with it")
            except _StudyAccepted as accepted:
                log.info("%s; going on with it", accepted)


def _run_with_todays_keys(
    settings: SiteSettings, clock: Clock, stop: threading.Event, metrics: LocalMetrics, ready: Callable[[], None]
) -> None:
    with Site(settings, clock) as site, fetchable(shelves_of(site), settings.fetched, clock):
        ready()
        daemon = Daemon(site, stop, metrics)
        daemon.look_around(after_scan=True)
        daemon.first_reports()
        while not stop.is_set():
            daemon.cycle()


class Daemon:
    """One site's service; `cycle` is what happens around one grid point."""

    def __init__(self, site: Site, stop: threading.Event, metrics: LocalMetrics) -> None:
        self._site, self._stop, self._clock, self._metrics = site, stop, site.clock, metrics
        self._rng = random.Random()
        self._asked_to_wait = 0.0

    def first_reports(self) -> None:
        """A new site reads its archive at once; a grid point that was missed gets its report, without new numbers."""
        for study in self._site.studies:
            if self._site.is_due(study) and study.domain.status().last_grid_point is not None:
                self._release(study)
        self._deliver_all(self._clock.now() + dt.timedelta(minutes=5))
        if not self._site.has_finished_scan():
            self._scan(min(self._next_grid_point(study) for study in self._site.studies))

    def cycle(self) -> None:
        """From now to the delivery after the next grid point."""
        following = min(self._next_grid_point(study) for study in self._site.studies)
        self._rest_until(following - dt.timedelta(hours=self._site.settings.scan_hours_before))
        if self._stop.is_set():
            return
        self._see_study_files()
        finished = self._scan(following)
        tell_about(self._site)
        self._clock.sleep_until(following)
        if self._stop.is_set():
            return
        due = [study for study in self._site.studies if self._site.is_due(study)]
        for study in due:
            self._release(study)
        for study in sorted(due, key=lambda study: study.delivery_minute):
            self._clock.sleep_until(following + dt.timedelta(minutes=study.delivery_minute))
        self._deliver_all(following + dt.timedelta(hours=12))  # well before the next scan
        tell_about(self._site)
        if not finished and not self._stop.is_set():
            self._scan(following + dt.timedelta(hours=24))

    def look_around(self, *, after_scan: bool = False) -> None:
        """Brings the gauges up to date, where somebody may read them."""
        if self._site.settings.local_metrics is None:
            return
        tell_standing(self._site, self._metrics)
        if after_scan:
            tell_scan(self._site, self._metrics)

    def _see_study_files(self) -> None:
        """Before each scan, so that it counts by the version that its grid point is of. Raises _StudyAccepted."""
        accepted = newly_accepted(self._site.settings.studies, [study.study for study in self._site.studies])
        if accepted is not None:
            raise _StudyAccepted(f"version {accepted.version} of study {accepted.id} was accepted")

    def _rest_until(self, moment: dt.datetime) -> None:
        """Waits; an approver's signature or a full disk meanwhile is on the gauges soon."""
        while self._site.settings.local_metrics is not None and self._clock.now() + LOOK_EVERY < moment:
            self._clock.sleep_until(self._clock.now() + LOOK_EVERY)
            if self._stop.is_set():
                return
            self.look_around()
        self._clock.sleep_until(moment)

    def _next_grid_point(self, study: StudyAtSite) -> dt.datetime:
        grid = study.settings.policy.grid
        return grid.moment(self._site.grid_point(study) + 1)

    def _scan(self, cut_off: dt.datetime) -> bool:
        """Whether the scan finished before the cut-off."""
        until = _UntilCutOff(self._clock, cut_off, self._stop)
        try:
            self._site.scan(lambda source: self._metrics.progress(source, until))
        except _CutOff:
            log.info("the scan was still running at the cut-off; it goes on after delivery")
            return False
        self.look_around(after_scan=True)
        return True

    def _release(self, study: StudyAtSite) -> None:
        held = study.domain.status().timed_out
        self._site.release(study)
        for key in sorted(set(study.domain.status().timed_out) - set(held)):
            log.warning("study %s: table %s was not signed in time and is held; see approve", study.study.id, key)
        self.look_around()

    def _deliver_all(self, give_up: dt.datetime) -> None:
        """Tries every study in rounds, so that a centre that is down keeps none of the others waiting."""
        waiting, attempt = list(self._site.studies), 0
        while waiting and not self._stop.is_set():
            attempt += 1
            self._asked_to_wait = 0.0
            waiting = [study for study in waiting if not self._deliver(study)]
            # The centre's word counts where it asks for more time than we would take.
            pause = max(backoff_seconds(attempt, self._rng), self._asked_to_wait)
            again = self._clock.now() + dt.timedelta(seconds=pause)
            if not waiting or again > give_up:
                break
            self._clock.sleep_until(again)
        for study in waiting:
            log.warning("study %s: %d reports wait for the next grid point", study.study.id, len(study.outbox.waiting()))

    def _deliver(self, study: StudyAtSite) -> bool:
        """Whether nothing is left to try before the next grid point."""
        try:
            done = hand_in(self._site, study)
        except NotDelivered as problem:
            log.warning("study %s: %s", study.study.id, problem)
            self._asked_to_wait = max(self._asked_to_wait, problem.wait_seconds or 0.0)
            return not problem.temporary
        finally:
            self.look_around()
        if done.set_aside:
            log.error("study %s: the centre refused %d reports for good; see status", study.study.id, done.set_aside)
        return True
