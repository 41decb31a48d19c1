"""history, made anew from the store: rebuild

`history rebuild FOLDER` writes a new Prometheus database of everything that is in the store and not
retracted, with promtool. Use it after a purge, for a new Prometheus, and for reports that came later than
its window. Then: stop Prometheus, put FOLDER in the place of its data folder (keep the old one until you
have looked), start it. Current series begin anew with its next scrape; the centre needs no restart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from studyscope_aggregator.administration import actor_argument, steps_of, tell
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.history_blocks import NoBlocks, as_blocks, written
from studyscope_aggregator.registry import load_registry
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.amount import amount


def arguments(parser: argparse.ArgumentParser) -> None:
    rebuild = steps_of(parser, {"rebuild": "a new database for Prometheus, from the store"})["rebuild"]
    rebuild.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder, with room for the database")
    rebuild.add_argument("--text-only", action="store_true", help="OpenMetrics text, a file a month, for promtool elsewhere")
    actor_argument(rebuild)


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    folder: Path = chosen.folder
    if folder.exists() and any(folder.iterdir()):
        print(f"{folder} is not empty; name a new folder", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    registry, now = load_registry(settings.registry), SystemClock().now()
    studies = [file.study for file in registry.studies.values()]
    store = open_store(settings.store)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".history-") as between:
            text = folder if chosen.text_only else Path(between)
            files, samples = written(store, studies, text, now)
            if not chosen.text_only:
                as_blocks(files, folder)
    except NoBlocks as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        store.close()
    tell(settings.registry, chosen, now, "history rebuild", samples=samples)
    print(f"{folder}: {amount(samples, 'sample')} of {amount(len(files), 'month')}")
    print("Stop Prometheus, put this folder in the place of its data folder, start it.")
    return 0
