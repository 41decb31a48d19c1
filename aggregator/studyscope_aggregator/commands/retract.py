"""take back a span of a site's reports

They leave totals and history and stay in the store with the reason; the report before the span is
shown again until the site sends a new one. Dashboards show which days were taken back.
"""

from __future__ import annotations

import argparse

from studyscope_aggregator.administration import actor_argument, reports_in_words, span_arguments, span_of, tell
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.stores.opened import open_store


def arguments(parser: argparse.ArgumentParser) -> None:
    span_arguments(parser)
    parser.add_argument("--why", required=True, help="stays with the reports, and in the audit log")
    actor_argument(parser)


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    store, now = open_store(settings.store), SystemClock().now()
    try:
        first, last = span_of(store, chosen)
        store.retract(chosen.study, chosen.site, first, last, chosen.why, now).result()
        newest = store.newest_of(chosen.study, chosen.site)
    finally:
        store.close()
    tell(settings.registry, chosen, now, "retract", study=chosen.study, site=chosen.site, first=first, last=last, why=chosen.why)
    print(f"no longer counted of {chosen.site} in {chosen.study}: {reports_in_words(first, last)}")
    print(
        f"shown again: report {newest.receipt.sequence}" if newest else "nothing of the site is shown until it sends a new report"
    )
    return 0
