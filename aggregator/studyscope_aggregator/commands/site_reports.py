"""the accepted reports of one site as a file, for a site that lost its state and cannot reach the centre

Oldest first, one report a line, byte for byte as the site signed them. Retracted ones are left out.
The site gives the file to `studyscope-exporter recover --from FILE`, which verifies every signature.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.store import ReportStore
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.amount import amount

AT_ONCE = 200


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study")
    parser.add_argument("site")
    parser.add_argument("file", type=Path, metavar="FILE", help="a new file")


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    store, number = open_store(settings.store), 0
    try:
        if store.last(chosen.study, chosen.site) is None:
            print(f"the centre holds no report of site {chosen.site} in study {chosen.study}; see status", file=sys.stderr)
            return 1
        with chosen.file.open("xb") as file:
            for body in _bodies(store, chosen.study, chosen.site):
                file.write(body + b"\n")
                number += 1
    except FileExistsError:
        print(f"{chosen.file} is there already and stays as it is; name a new file", file=sys.stderr)
        return 1
    finally:
        store.close()
    print(f"{chosen.file}: {amount(number, 'report')} of {chosen.site} in {chosen.study}")
    return 0


def _bodies(store: ReportStore, study: str, site: str) -> Iterator[bytes]:
    after = 0
    while entries := store.reports(study, site, after=after, limit=AT_ONCE):
        yield from (entry.body for entry in entries)
        after = entries[-1].receipt.sequence
