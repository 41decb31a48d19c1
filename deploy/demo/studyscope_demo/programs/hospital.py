"""One hospital's ordinary exporter service, given the demo's clock; nothing else in it is special."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from studyscope_contract.keys import SigningKey
from studyscope_demo.clock import DemoClock
from studyscope_demo.folder import DemoFolder
from studyscope_demo.hospital_files import approver_keys
from studyscope_exporter import daemon
from studyscope_exporter.clock import Clock
from studyscope_exporter.settings import SiteSettings, read_site_file
from studyscope_exporter.site import Site


def main(root: str, site: str) -> None:
    """Runs until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "pydicom"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    folder = DemoFolder(Path(root))
    settings = read_site_file(folder.site_file(site))
    clock = DemoClock(folder.clock, folder.waiting(site))
    approve_first_releases(settings, clock, approver_keys(folder.hospital(site)))
    stop = threading.Event()

    def end(*_: object) -> None:
        stop.set()
        clock.wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    daemon.run(settings, clock, stop)


def approve_first_releases(settings: SiteSettings, clock: Clock, key_files: Sequence[Path]) -> None:
    """What `studyscope-exporter approve` does, at the demo's time: each approver signs every table that still waits."""
    with Site(settings, clock) as opened:
        for study in opened.studies:
            for key_file in key_files:
                waiting = study.domain.pending_approvals()
                if waiting:
                    study.domain.approve(waiting, SigningKey.load(key_file), clock.now().date())


if __name__ == "__main__":
    main(*sys.argv[1:])
