"""numbers for a slide: one HTML page and a CSV, the same bytes whenever they are asked for again

--at is the day of the numbers, --known-at the moment up to which reports, retractions and versions of the
study file count. Give both, and whoever asks again gets the same files; the page has a line to cite.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.papers.as_known import Moments, NotKnown, known_study
from studyscope_aggregator.papers.slide import slide
from studyscope_aggregator.registry import load_registry
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.stores.opened import open_store


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY")
    moment_arguments(parser)
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the two files go (default: here)")


def moment_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", metavar="DATE", required=True, help="day of the numbers: their state at its end (UTC)")
    parser.add_argument("--known-at", metavar="DATE", help="day or moment until which things were known (default: a minute ago)")


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    store = open_store(settings.store)
    try:
        moments = Moments.parse(chosen.at, chosen.known_at, SystemClock().now())
        known = known_study(chosen.study, moments, settings.registry, load_registry(settings.registry), store)
    except NotKnown as problem:
        print(problem)
        return 1
    finally:
        store.close()
    made = slide(known)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for ending, content in (("html", made.html), ("csv", made.csv)):
        path = chosen.out / f"{chosen.study}-{moments.day}.{ending}"
        path.write_text(content, encoding="utf-8")
        print(path)
    print(f"the same again: report {chosen.study} --at {chosen.at} --known-at {moments.known.isoformat()}")
    return 0
