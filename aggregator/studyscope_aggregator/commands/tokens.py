"""tokens of machines: add, list, revoke

A token is shown once, when it is made; the centre keeps only its hash. Whoever bears it sees at
/prometheus/api/v1/ what its role sees, see docs/who-sees-what.md.
"""

from __future__ import annotations

import argparse
import datetime as dt

from rich.console import Console
from rich.table import Table

from studyscope_aggregator.access.role import ROLES, Grant
from studyscope_aggregator.access.tokens import AccessTokens
from studyscope_aggregator.administration import actor_argument, steps_of, tell
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.registry import load_registry
from studyscope_aggregator.settings import CentreSettings

STEPS = {
    "add": "make a token and show it once",
    "list": "every token: its role, what it is for, until when",
    "revoke": "let a token see nothing any more, from the next request on",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    steps = steps_of(parser, STEPS)
    add = steps["add"]
    add.add_argument("role", choices=ROLES)
    add.add_argument("what_for", metavar="WHAT-FOR", help="in words, as 'public Grafana' or 'nightly figures of Lyon'")
    add.add_argument("--study", action="append", default=[], metavar="STUDY", help="for a lead or the public; repeatable")
    add.add_argument("--site", action="append", default=[], metavar="SITE", help="for a site; repeatable")
    add.add_argument("--days", type=int, default=365, help="how long from today it is valid (default: %(default)s)")
    steps["revoke"].add_argument("id", help="as `tokens list` shows it")
    for name in ("add", "revoke"):
        actor_argument(steps[name])


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    tokens, now = AccessTokens(settings.registry), SystemClock().now()
    if chosen.step == "list":
        _list(tokens, now.date())
        return 0
    return _add(settings, tokens, chosen, now) if chosen.step == "add" else _revoke(settings, tokens, chosen, now)


def _add(settings: CentreSettings, tokens: AccessTokens, chosen: argparse.Namespace, now: dt.datetime) -> int:
    registry = load_registry(settings.registry)
    sites = {site.id for file in registry.studies.values() for site in file.study.sites}
    wrong = [f"no study {one}" for one in chosen.study if one not in registry.studies]
    wrong += [f"no study names a site {one}" for one in chosen.site if one not in sites]
    wrong += ["a lead's token needs --study"] if chosen.role == "lead" and not chosen.study else []
    wrong += ["a site's token needs --site"] if chosen.role == "site" and not chosen.site else []
    wrong += ["--days must be at least 1"] if chosen.days < 1 else []
    if wrong:
        print(f"nothing was made: {'; '.join(wrong)}")
        return 1
    grant = Grant(chosen.role, frozenset(chosen.study), frozenset(chosen.site))
    made = tokens.add(grant, chosen.what_for, now, now.date() + dt.timedelta(days=chosen.days))
    facts = {"id": made.stored.id, "role": chosen.role, "studies": sorted(chosen.study), "sites": sorted(chosen.site)}
    tell(settings.registry, chosen, now, "tokens add", **facts, what_for=chosen.what_for)
    print(made.text)
    print(f"token {made.stored.id}, valid until {made.stored.valid_until}: shown this once; send it as Authorization: Bearer …")
    return 0


def _revoke(settings: CentreSettings, tokens: AccessTokens, chosen: argparse.Namespace, now: dt.datetime) -> int:
    token = next((one for one in tokens.all() if one.id == chosen.id), None)
    if token is None:
        print(f"there is no token {chosen.id}; `tokens list` shows those that there are")
        return 1
    tokens.revoke(token, now)
    tell(settings.registry, chosen, now, "tokens revoke", id=token.id, what_for=token.what_for)
    print(f"token {token.id} ({token.what_for}) sees nothing any more")
    return 0


def _list(tokens: AccessTokens, today: dt.date) -> None:
    table = Table("id", "role", "of", "what for", "stands", box=None)
    for one in tokens.all():
        stands = f"revoked {one.revoked:%Y-%m-%d}" if one.revoked else f"until {one.valid_until}"
        stands = f"ended {one.valid_until}" if not one.revoked and not one.is_valid(today) else stands
        table.add_row(one.id, one.role, ", ".join((*one.studies, *one.sites)) or "all", one.what_for, stands)
    Console(width=140).print(table if table.row_count else "no tokens yet; `tokens add` makes one")
