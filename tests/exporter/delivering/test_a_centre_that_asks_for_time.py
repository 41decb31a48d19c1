"""A centre that is pressed says how long to wait; a site keeps to it."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

from acts_cast import Ahead, Hospital, centre_of
from aggregator_cast import served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.settings import CentreSettings, Limits
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_exporter.daemon import Daemon
from studyscope_exporter.local_metrics.gauges import LocalMetrics
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site


class Noting(Ahead):
    """Notes how long the service would have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def sleep_until(self, moment: dt.datetime) -> None:
        self.slept.append((moment - self.now()).total_seconds())


def test_the_service_waits_as_long_as_the_centre_says(tmp_path: Path) -> None:
    hospital = Hospital(tmp_path / "berlin", patients=2)
    with centre_of(hospital):
        hospital.run("scan", "--quiet")
    folder = hospital.folder / "centre"
    slow = CentreSettings(registry=folder, store=folder / "s.sqlite", limits=Limits(reports_per_minute=1, burst=1))
    with served(create_app(slow, MemoryStore(), Ahead())) as client:
        hospital.centre = str(client.base_url).rstrip("/")
        hospital.write()
        clock = Noting()
        with Site(read_site_file(hospital.file), clock) as site:
            study = site.studies[0]
            site.release(study)
            clock.days = 1
            site.release(study)
            Daemon(site, threading.Event(), LocalMetrics()).first_reports()

    assert any(50 <= pause <= 61 for pause in clock.slept), "one report a minute: the second has to wait for one"
