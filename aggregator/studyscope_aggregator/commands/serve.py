"""take reports and answer scrapes until SIGTERM"""

from __future__ import annotations

import argparse

from studyscope_aggregator.app import create_app
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.serving import log_to_stderr, serve
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.stores.opened import open_store


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-v", "--verbose", action="store_true", help="log every accepted report too")


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    log_to_stderr(verbose=chosen.verbose)
    serve(create_app(settings, open_store(settings.store), SystemClock()), settings.listen)
    return 0
