"""What the gauges say of a site, read from it as it is now."""

from __future__ import annotations

import datetime as dt
import shutil

from studyscope_exporter.collectors.cases import missing, stuck
from studyscope_exporter.local_gauges import TellsGauges
from studyscope_exporter.local_metrics.gauges import LocalMetrics, StudyCases, StudyStanding
from studyscope_exporter.site import Site, StudyAtSite


def tell_standing(site: Site, metrics: LocalMetrics) -> None:
    """From state and outbox; cheap enough for every few minutes."""
    metrics.storage(shutil.disk_usage(site.settings.state).free, low=site.storage() == "low")
    for at_site in site.studies:
        metrics.stands(_standing(at_site))
        last = at_site.domain.status().last_grid_point
        if last is not None:
            metrics.released(at_site.study.id, at_site.settings.policy.grid.moment(last))


def tell_scan(site: Site, metrics: LocalMetrics) -> None:
    """From the last scan that finished; reads every record."""
    last = site.last_scan()
    if "at" in last:
        up = {name: problem is None for name, problem in last["sources"].items()}
        metrics.scanned(dt.datetime.fromisoformat(last["at"]), up)
    metrics.told({one.name: one.gauges(site.inventory) for one in site.sources if isinstance(one, TellsGauges)})
    if site.has_finished_scan():
        for at_site in site.studies:
            metrics.found(_cases(site, at_site))


def _standing(at_site: StudyAtSite) -> StudyStanding:
    status = at_site.domain.status()
    return StudyStanding(
        at_site.study.id,
        frozen=status.activity == "frozen",
        reports_waiting=len(at_site.outbox.waiting()),
        reports_refused=len(at_site.outbox.unsettled()),
        tables_to_approve=len(at_site.domain.pending_approvals()),
        releases_held=status.holds,
    )


def _cases(site: Site, at_site: StudyAtSite) -> StudyCases:
    records = site.records(at_site)
    return StudyCases(
        at_site.study.id,
        jobs_stuck=next(stuck(records), None) is not None,
        images_missing=None if records.roster is None else next(missing(records), None) is not None,
    )
