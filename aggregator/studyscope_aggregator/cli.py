"""`studyscope-aggregator`: init, serve, check, status."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from studyscope_aggregator.app import create_app
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.commands import backup, init
from studyscope_aggregator.registry import load_registry, unregistered
from studyscope_aggregator.release_number import release_number
from studyscope_aggregator.serving import log_to_stderr, serve
from studyscope_aggregator.settings import CentreSettings, read_settings
from studyscope_aggregator.status import status_rows, status_text
from studyscope_aggregator.store import StoreUnavailable
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_contract.yaml_file import FileProblem

WRONG_SETTINGS = 2
NO_STORE = 3


def parser() -> argparse.ArgumentParser:
    described = argparse.ArgumentParser(
        prog="studyscope-aggregator",
        description="The centre of a consortium: takes signed reports and federates what they publish into Prometheus.",
        epilog="First `check`, then leave `serve` to systemd or a container; `status` says how every site stands.",
    )
    described.add_argument("--version", action="version", version=f"studyscope-aggregator {release_number()}")
    described.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("STUDYSCOPE_CENTRE", "centre.yaml")),
        metavar="FILE",
        help="the centre file (default: $STUDYSCOPE_CENTRE, else centre.yaml)",
    )
    commands = described.add_subparsers(title="commands", required=True, metavar="COMMAND")
    new = commands.add_parser("init", help="write a new centre: its file, a study, and what its servers read")
    init.arguments(new)
    new.set_defaults(found=init.found)
    run = commands.add_parser("serve", help="take reports and answer scrapes until SIGTERM")
    run.add_argument("-v", "--verbose", action="store_true", help="log every accepted report too")
    run.set_defaults(execute=_serve)
    look = commands.add_parser("check", help="read centre file and registry, open the store, say what is wrong")
    look.set_defaults(execute=_check)
    stand = commands.add_parser("status", help="every site of every study: state, last report, refusals")
    stand.add_argument("--json", action="store_true", help="for programs")
    stand.set_defaults(execute=_status)
    keep = commands.add_parser("backup", help="store, registry and centre file into one archive, while it runs")
    backup.backup_arguments(keep)
    keep.set_defaults(execute=backup.backup)
    back = commands.add_parser("restore", help="unpack such an archive and see that it is whole")
    backup.restore_arguments(back)
    back.set_defaults(found=lambda chosen, _: backup.restore(chosen))
    for command in (new, run, look, stand, keep, back):
        command.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="the centre file")
    return described


def main(arguments: list[str] | None = None) -> int:
    chosen = parser().parse_args(arguments)
    try:
        if "found" in chosen:
            return int(chosen.found(chosen, SystemClock().now().date()))
        settings = read_settings(chosen.config)
        result: int = chosen.execute(settings, chosen)
    except FileProblem as problem:
        print(problem, file=sys.stderr)
        return WRONG_SETTINGS
    except StoreUnavailable as problem:
        print(problem, file=sys.stderr)
        return NO_STORE
    return result


def _serve(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    log_to_stderr(verbose=chosen.verbose)
    serve(create_app(settings, SqliteStore(settings.store), SystemClock()), settings.listen)
    return 0


def _check(settings: CentreSettings, _: argparse.Namespace) -> int:
    registry = load_registry(settings.registry)
    store = SqliteStore(settings.store)
    store.ready()
    store.close()
    print(f"registry: {len(registry.studies)} studies, {len(registry.sites)} sites")
    for file in registry.studies.values():
        print(f"  {file.study.id} version {file.study.version}: {len(file.study.sites)} sites, {file.study.title}")
    for name in unregistered(registry):
        print(f"  {name} is in the study file but not in sites.yaml: it cannot report until its key is there")
    print(f"store: {settings.store} can be written")
    print(
        f"history: {settings.remote_write.url if settings.remote_write else 'not written (no remote_write in the centre file)'}"
    )
    return 0


def _status(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    store = SqliteStore(settings.store)
    try:
        rows = status_rows(settings.registry, store, SystemClock())
    finally:
        store.close()
    print(json.dumps(rows, indent=1) if chosen.json else status_text(rows))
    return 0
