"""read centre file and registry, open the store, say what is wrong"""

from __future__ import annotations

import argparse

from studyscope_aggregator.access.tokens import AccessTokens
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.registry import load_registry, unregistered
from studyscope_aggregator.settings import CentreSettings, store_name
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.amount import amount


def arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def execute(settings: CentreSettings, _: argparse.Namespace) -> int:
    registry = load_registry(settings.registry)
    store = open_store(settings.store)
    store.ready()
    store.close()
    print(f"registry: {amount(len(registry.studies), 'study', 'studies')}, {amount(len(registry.sites), 'site')} with a key")
    for file in registry.studies.values():
        print(f"  {file.study.id} version {file.study.version}: {amount(len(file.study.sites), 'site')}, {file.study.title}")
    for name in unregistered(registry):
        print(f"  {name} is in the study file but has no key here: it cannot report until one is accepted (see sites)")
    print(f"store: {store_name(settings)} can be written")
    key = settings.signing_key()
    print(f"key: receipts are signed by {key.public.fingerprint}" if key else "key: none, receipts are not signed (see keygen)")
    written = settings.remote_write.url if settings.remote_write else "not written (no remote_write in the centre file)"
    print(f"history: {written}")
    _say_access(settings)
    return 0


def _say_access(settings: CentreSettings) -> None:
    """Raises FileProblem where our secret at the identity provider cannot be read."""
    access, today = settings.access, SystemClock().now().date()
    if access is None:
        print("queries: none are answered (no access in the centre file)")
        return
    valid = sum(token.is_valid(today) for token in AccessTokens(settings.registry).all())
    known = f"people of {access.openid.issuer}" if access.openid else "no identity provider"
    print(f"queries: held to roles, asked at {access.prometheus}; {known}, {valid} tokens of machines in force")
    asks = access.openid is not None and access.openid.client_secret() is not None
    print("pages: people log in" if asks else "pages: nobody is asked to log in, so keep them inside")
