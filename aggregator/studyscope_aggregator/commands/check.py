"""read centre file and registry, open the store, say what is wrong"""

from __future__ import annotations

import argparse

from studyscope_aggregator.registry import load_registry, unregistered
from studyscope_aggregator.settings import CentreSettings, store_name
from studyscope_aggregator.stores.opened import open_store


def arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def execute(settings: CentreSettings, _: argparse.Namespace) -> int:
    registry = load_registry(settings.registry)
    store = open_store(settings.store)
    store.ready()
    store.close()
    print(f"registry: {len(registry.studies)} studies, {len(registry.sites)} sites")
    for file in registry.studies.values():
        print(f"  {file.study.id} version {file.study.version}: {len(file.study.sites)} sites, {file.study.title}")
    for name in unregistered(registry):
        print(f"  {name} is in the study file but has no key here: it cannot report until one is accepted (see sites)")
    print(f"store: {store_name(settings)} can be written")
    key = settings.signing_key()
    print(f"key: receipts are signed by {key.public.fingerprint}" if key else "key: none, receipts are not signed (see keygen)")
    written = settings.remote_write.url if settings.remote_write else "not written (no remote_write in the centre file)"
    print(f"history: {written}")
    return 0
