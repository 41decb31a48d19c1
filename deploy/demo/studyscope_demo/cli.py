"""`studyscope-demo`: a living consortium on this machine."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from studyscope_demo.console import show_measures, show_status
from studyscope_demo.demo import Cast, Demo, DidNotStart
from studyscope_demo.folder import DemoFolder
from studyscope_demo.ports import choose_ports
from studyscope_demo.profiles import read_profiles
from studyscope_demo.programs.mailbox import read_mails
from studyscope_demo.servers import MissingProgram
from studyscope_demo.state import NoDemo, full_status, read_state
from studyscope_demo.supervisor import ProcessDied, stop_remembered
from studyscope_demo.timeline import Plan, Stuck

SEED = 20260501


def parser() -> argparse.ArgumentParser:
    described = argparse.ArgumentParser(
        prog="studyscope-demo",
        description="Starts a consortium of made-up hospitals as real programs on this machine, on 127.0.0.1 only.",
        epilog="Everything lies in one folder, which can be deleted when no demo runs.",
    )
    described.add_argument("--folder", type=Path, default=Path("demo-data"), help="where everything lies (default: demo-data)")
    commands = described.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="start a demo and keep it living until Ctrl-C")
    run.add_argument("--sites", type=int, default=8, help="number of hospitals (default: 8)")
    run.add_argument("--days", type=int, default=180, help="how many days ago the study began (default: 180)")
    run.add_argument("--days-watched", type=int, default=60, help="days that pass while you look (default: 60)")
    run.add_argument("--seconds-per-day", type=float, default=10, help="how long such a day takes (default: 10)")
    run.add_argument("--size", type=float, default=1, help="scales the number of patients (default: 1)")
    run.add_argument("--keep", action="store_true", help="put the folder of the last demo aside instead of deleting it")
    run.set_defaults(execute=_run)
    status = commands.add_parser("status", help="print every address and every hospital's state")
    status.add_argument("--json", action="store_true", help="machine-readable")
    status.set_defaults(execute=_status)
    address = commands.add_parser("address", help="print the address of one server of the running demo")
    address.add_argument("server", help="prometheus, aggregator, alertmanager, mails or smtp")
    address.set_defaults(execute=_address)
    stop = commands.add_parser("stop", help="stop the demo that runs in the folder, and nothing else")
    stop.set_defaults(execute=_stop)
    mails = commands.add_parser("mails", help="list the mails that were sent, or print one")
    mails.add_argument("number", type=int, nargs="?", help="which one to print")
    mails.set_defaults(execute=_mails)
    return described


def _run(chosen: argparse.Namespace, console: Console) -> int:
    folder = DemoFolder(chosen.folder.absolute())
    try:
        read_state(folder)
    except NoDemo:
        pass
    else:
        console.print("A demo runs in this folder already:")
        return _status(argparse.Namespace(folder=chosen.folder, json=False), console)
    _clear(folder, console, keep=chosen.keep)
    try:
        plan, cast, today = _planned(chosen)
    except ValueError as wrong:
        console.print(f"cannot run so: {wrong}", highlight=False)
        return 2
    ports = choose_ports()
    for server in ports.moved:
        console.print(f"the usual port of {server} is taken; it is at {ports.address(server)}", highlight=False)
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.append(number))
    Demo(folder, cast, plan, ports, console, lambda: bool(asked), today).run()
    console.print("everything that was started is stopped")
    return 0


def _planned(chosen: argparse.Namespace) -> tuple[Plan, Cast, dt.date]:
    if not 0 <= chosen.days_watched < chosen.days:
        raise ValueError("--days-watched must be less than --days")
    if chosen.seconds_per_day < 0.1:
        raise ValueError("--seconds-per-day must be at least 0.1")
    today = dt.datetime.now(dt.UTC).date()
    profiles = read_profiles()
    caught_up = chosen.days - chosen.days_watched
    first = today - dt.timedelta(days=chosen.days)
    plan = Plan(first, caught_up, chosen.seconds_per_day, silent_from=caught_up + 6, silent_until=caught_up + 16)
    return plan, Cast(profiles, profiles.consortium(chosen.sites, SEED, chosen.size), SEED), today


def _clear(folder: DemoFolder, console: Console, *, keep: bool) -> None:
    """Makes room: stops what a demo that died left running, and removes its files."""
    left = stop_remembered(folder.root)
    if left:
        console.print(f"an earlier demo ended without cleaning up; stopped {left} processes that it left")
    if not folder.root.exists():
        return
    ours = (folder.root / "processes.json").exists() or (folder.root / "hospitals").exists()
    if any(folder.root.iterdir()) and not ours:
        raise NotOurs(folder.root)
    if keep:
        aside = folder.root.with_name(f"{folder.root.name}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}")
        folder.root.rename(aside)
        console.print(f"the last demo's folder is now {aside}", highlight=False)
    else:
        shutil.rmtree(folder.root)


class NotOurs(Exception):
    """The folder holds something that no demo wrote."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} holds files that no demo wrote, and a demo deletes what it finds: choose another --folder")


def _status(chosen: argparse.Namespace, console: Console) -> int:
    status = full_status(DemoFolder(chosen.folder.absolute()))
    if chosen.json:
        print(json.dumps(status, indent=1, ensure_ascii=False))
    else:
        show_status(console, status)
        show_measures(console, status)
    return 0


def _address(chosen: argparse.Namespace, console: Console) -> int:
    addresses = read_state(DemoFolder(chosen.folder.absolute())).addresses
    if chosen.server not in addresses:
        console.print(f"the demo has no server {chosen.server}; it has: {', '.join(sorted(addresses))}", highlight=False)
        return 1
    print(addresses[chosen.server])
    return 0


def _stop(chosen: argparse.Namespace, console: Console) -> int:
    folder = DemoFolder(chosen.folder.absolute())
    try:
        driver = read_state(folder).driver
    except NoDemo:
        console.print(f"no demo runs in {folder.root}; {stop_remembered(folder.root)} left-over processes stopped")
        return 0
    driver.signal_one(signal.SIGTERM)
    deadline = time.monotonic() + 60
    while driver.alive and time.monotonic() < deadline:
        time.sleep(0.1)
    console.print("it still runs; see its terminal" if driver.alive else "stopped")
    return 1 if driver.alive else 0


def _mails(chosen: argparse.Namespace, console: Console) -> int:
    mails = read_mails(DemoFolder(chosen.folder.absolute()).mails)
    if chosen.number is None:
        for mail in mails:
            line = f"{mail.number:>4}  {mail.message['Date']}  {mail.to}  {mail.subject}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if not mails:
            console.print("no mail yet")
        return 0
    found = next((mail for mail in mails if mail.number == chosen.number), None)
    if found is None:
        console.print(f"there is no mail {chosen.number}; `mails` without a number lists them")
        return 1
    print(f"To: {found.to}\nSubject: {found.subject}\n\n{found.part('plain') or found.part('html')}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    chosen = parser().parse_args(arguments)
    console = Console()
    try:
        result: int = chosen.execute(chosen, console)
    except (NoDemo, NotOurs, MissingProgram, DidNotStart, ProcessDied, Stuck) as problem:
        print(problem, file=sys.stderr)
        return 1
    return result


if __name__ == "__main__":
    sys.exit(main())
