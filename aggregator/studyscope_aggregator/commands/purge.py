"""delete what stands in a site's reports, with a signed confirmation for the site

Deletes the reports themselves, in the store; receipts and sequence numbers stay, so that nothing
old can be sent again. It cannot be undone. The confirmation is signed with the centre's key.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from studyscope_aggregator.administration import actor_argument, reports_in_words, span_arguments, span_of, tell
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.keys import KeyProblem
from studyscope_contract.statement import signed

KIND = "purge"


def arguments(parser: argparse.ArgumentParser) -> None:
    span_arguments(parser)
    parser.add_argument("--why", required=True, help="stays in the confirmation and in the audit log")
    parser.add_argument("--confirmation", type=Path, required=True, metavar="FILE", help="where the signed confirmation goes")
    parser.add_argument("--yes", action="store_true", help="delete without being asked")
    actor_argument(parser)


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    key = settings.signing_key()
    if key is None:
        raise KeyProblem(f"{chosen.config}: no `key`: a purge is confirmed with the centre's signature; see keygen")
    if chosen.confirmation.exists():
        print(f"{chosen.confirmation} is there already; choose a new file")
        return 1
    store, now = open_store(settings.store), SystemClock().now()
    try:
        first, last = span_of(store, chosen)
        if not (chosen.yes or _is_meant(chosen)):
            return 1
        store.purge(chosen.study, chosen.site, first, last, chosen.why, now).result()
    finally:
        store.close()
    facts = {"study": chosen.study, "site": chosen.site, "first": first, "last": last}
    statement: dict[str, Any] = {**facts, "why": chosen.why, "by": chosen.by, "at": now.isoformat()}
    whole = {"purge": statement, "key": key.public.fingerprint, "signature": signed(KIND, statement, key)}
    chosen.confirmation.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    tell(settings.registry, chosen, now, KIND, **facts, why=chosen.why)
    print(f"deleted of {chosen.site} in {chosen.study}: {reports_in_words(first, last)}")
    print(f"The signed confirmation is in {chosen.confirmation}. Backups made before still hold them.")
    print("Prometheus holds its samples until its history is made anew: studyscope-aggregator history rebuild FOLDER")
    print("Until then, all but those that came late go by two calls of Prometheus, started with --web.enable-admin-api:")
    selector = f'{{study="{chosen.study}",site="{chosen.site}"}}'
    print(f"  POST /api/v1/admin/tsdb/delete_series?match[]={selector}  then  POST /api/v1/admin/tsdb/clean_tombstones")
    return 0


def _is_meant(chosen: argparse.Namespace) -> bool:
    if input(f"This deletes reports for good. Write the name of the site ({chosen.site}) to go on: ").strip() == chosen.site:
        return True
    print("nothing was deleted")
    return False
