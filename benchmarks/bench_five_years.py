"""Every report of a large consortium for years, kept: what the store takes, and what is done with it then.

    python benchmarks/bench_five_years.py --sites 200 --years 5

Each site sends a signed report of about 200 numbers a day, and a table of it moves every fortnight. The reports go into
the store as accepted ones do; then a centre starts from it, gives its page, writes one site's reports as a file would be
for a site that lost its state, and is copied as `backup` does.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from prebuilt_reports import CELLS, Parts

from aggregator_cast import NOW, TODAY, Centre, StandingClock
from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.exposition import Exposition
from studyscope_aggregator.forecast.forecast_task import Forecasts
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.registry_watch import RegistryWatch
from studyscope_aggregator.store import Entry, Receipt
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport

FORTNIGHT = 14
Found = TypeVar("Found")


def entries(site: str, place: int, key: SigningKey, days: int, parts: Parts) -> Iterator[Entry]:
    """One site's reports, oldest first; the last one is of today."""
    name = key.public.fingerprint
    for sequence in range(1, days + 1):
        if (sequence - 1) % FORTNIGHT == 0:
            shown = parts.shown(sequence // FORTNIGHT, 1, place)
            content = f'{{"facts":{parts.facts},"policy":{parts.policy},"tables":{shown}}}'
            digest = hashlib.sha256(content.encode()).hexdigest()
        ago = days - sequence
        report = (
            f'{{"activity":"active","content":"{digest}","facts":{parts.facts},"grid_point":{TODAY - ago},'
            f'"policy":{parts.policy},"schema":1,"sequence":{sequence},"site":"{site}","study":"liver","tables":{shown}}}'
        )
        signature = base64.b64encode(key.sign(report.encode())).decode()
        raw = f'{{"key":"{name}","report":{report},"signature":"{signature}"}}'.encode()
        if sequence == 1 and place == 0:
            SignedReport.from_bytes(raw)
        moment = NOW - dt.timedelta(days=ago)
        yield Entry(Receipt("liver", site, sequence, TODAY - ago, hashlib.sha256(raw).hexdigest(), moment), raw, moment, moment)


def timed(what: str, act: Callable[[], Found]) -> Found:
    began = time.perf_counter()
    found = act()
    print(f"{what:<58} {time.perf_counter() - began:8.2f} s", flush=True)
    return found


def filled(store: SqliteStore, centre: Centre, days: int) -> None:
    parts = Parts.of(CELLS)
    for place, site in enumerate(centre.sites):
        for future in [store.append(entry) for entry in entries(site, place, centre.keys[site], days, parts)]:
            future.result()


def started(centre: Centre, store: SqliteStore) -> bytes:
    watch = RegistryWatch(centre.folder, OwnMetrics(), StandingClock())
    return Exposition(Consortium(watch, store), OwnMetrics(), Forecasts()).page(NOW).plain


def copied(store: Path, copy: Path) -> None:
    with closing(sqlite3.connect(store)) as ours, closing(sqlite3.connect(copy)) as theirs:
        ours.backup(theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=200)
    parser.add_argument("--years", type=float, default=5)
    chosen = parser.parse_args()
    days = round(chosen.years * 365.25)
    with tempfile.TemporaryDirectory() as folder:
        centre = Centre(Path(folder) / "registry", tuple(f"site-{number}" for number in range(chosen.sites)))
        file = Path(folder) / "reports.sqlite"
        store = SqliteStore(file)
        timed(f"{chosen.sites * days:,} reports signed and kept", lambda: filled(store, centre, days))
        print(f"the store's file: {file.stat().st_size / 1e6:,.0f} MB", flush=True)
        page = timed("a centre starts from it and gives its first /metrics", lambda: started(centre, store))
        print(f"/metrics: {page.count(b'{'):,} samples", flush=True)
        newest = timed("the newest report of one site", lambda: store.newest_of("liver", centre.sites[-1]))
        assert newest is not None
        assert newest.receipt.sequence == days
        own = timed("all reports of one site", lambda: store.reports("liver", centre.sites[0], 0, days))
        assert len(own) == days
        timed("a copy, as backup makes it", lambda: copied(file, Path(folder) / "copy.sqlite"))
        store.close()


if __name__ == "__main__":
    main()
