"""run as a service: scan, release and deliver around every grid point

Stops cleanly on SIGTERM and Ctrl-C; what was read so far is kept and the next start goes on.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading

from studyscope_exporter import daemon
from studyscope_exporter.service_manager import LivingClock, ServiceManager
from studyscope_exporter.settings import read_site_file


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(verbose=True)


def execute(chosen: argparse.Namespace) -> int:
    manager = ServiceManager(os.environ)
    settings, clock, stop = read_site_file(chosen.config), LivingClock(manager), threading.Event()

    def ready() -> None:
        logging.getLogger(__name__).info("site %s: running", settings.site)
        clock.ready()

    def end(*_: object) -> None:
        manager.tell("STOPPING=1")
        stop.set()
        clock.wake()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    logging.getLogger().setLevel(logging.INFO)
    daemon.run(settings, clock, stop, ready)
    return 0
