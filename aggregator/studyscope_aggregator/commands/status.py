"""every site of every study: state, last report, refusals"""

from __future__ import annotations

import argparse
import json

from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.status import status_rows, status_text
from studyscope_aggregator.stores.opened import open_store


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    store = open_store(settings.store)
    try:
        rows = status_rows(settings.registry, store, SystemClock())
    finally:
        store.close()
    print(json.dumps(rows, indent=1) if chosen.json else status_text(rows))
    return 0
