"""release if a grid point has passed, deliver, and scan for the next one

For sites that start the exporter from cron instead of running it as a service: once a day is right.
A report in which something moved leaves at the site's own minute, whenever the command is started;
--wait-at-most bounds the wait, and what was not sent then is sent by the next call.
"""

from __future__ import annotations

import argparse
import datetime as dt

from studyscope_contract.amount import amount
from studyscope_exporter.clock import Clock
from studyscope_exporter.commands.opened import opened_site
from studyscope_exporter.commands.scan import scan_with_bars
from studyscope_exporter.delivery.push import NotDelivered
from studyscope_exporter.handing_in import hand_in
from studyscope_exporter.site import Site, StudyAtSite
from studyscope_exporter.troubles import tell_about


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress bar; only problems")
    parser.add_argument("--wait-at-most", type=float, default=60, metavar="MINUTES", help="longest wait for the site's minute")


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        return once(site, quiet=chosen.quiet, wait_at_most=dt.timedelta(minutes=chosen.wait_at_most))


def once(site: Site, *, quiet: bool, wait_at_most: dt.timedelta) -> int:
    """Releases what is due from the last finished scan, scans, and delivers; the exit code."""
    started = [study for study in site.studies if study.domain.status().last_grid_point is not None]
    moved = [study for study in started if site.is_due(study) and _release(site, study)]
    outcomes = scan_with_bars(site, quiet=quiet)
    for study in site.studies:
        if study not in started and site.is_due(study):  # the first release of a domain: it needs no cut-off and no minute
            _release(site, study)
    if moved:
        _wait_for_the_minute(site.clock, moved, wait_at_most)
    delivered = [_deliver(site, study) for study in site.studies]
    tell_about(site)
    return 0 if all(delivered) and not any(outcome.problem for outcome in outcomes) else 1


def _release(site: Site, at_site: StudyAtSite) -> bool:
    """Whether a table moved."""
    before = at_site.domain.status().content
    report = site.release(at_site).report
    print(f"study {at_site.study.id}: report {report.sequence} for the grid point of {_day(at_site, report.grid_point)}")
    return before is not None and report.content != before


def _wait_for_the_minute(clock: Clock, moved: list[StudyAtSite], at_most: dt.timedelta) -> None:
    now = clock.now()
    ahead = max((study.delivery_minute - now.minute) % 60 for study in moved)
    if dt.timedelta(minutes=ahead) <= at_most:
        print(f"numbers moved: waiting for the site's minute of delivery, {ahead} min")
        clock.sleep_until(now.replace(second=0, microsecond=0) + dt.timedelta(minutes=ahead))


def _deliver(site: Site, at_site: StudyAtSite) -> bool:
    if at_site.settings.centre.delivery == "fetched" and not at_site.domain.status().overtaken:
        kept = amount(len(at_site.outbox.waiting()), "report")
        when = f"while `run` runs, a new one from {at_site.delivery_minute} minutes after the grid point on"
        print(f"study {at_site.study.id}: {kept} for the centre to fetch, {when}")
        return True
    try:
        done = hand_in(site, at_site)
    except NotDelivered as problem:
        kept = amount(len(at_site.outbox.waiting()), "report")
        print(f"study {at_site.study.id}: {problem}. {kept} kept for the next time; nothing is lost")
        return False
    print(f"study {at_site.study.id}: {amount(done.accepted, 'report')} accepted by the centre, {done.set_aside} refused")
    return done.set_aside == 0


def _day(at_site: StudyAtSite, grid_point: int) -> str:
    return f"{at_site.settings.policy.grid.moment(grid_point):%Y-%m-%d %H:%MZ}"
