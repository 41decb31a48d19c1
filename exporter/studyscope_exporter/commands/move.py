"""take this site to a new machine: everything in one encrypted file, and this machine retired

Stop the service first. The file is what `backup` writes: state with its ledger, keys, site file and
study files, readable with the passphrase alone. Once it is written and was read back whole, this
machine refuses to run: two machines that report for one site would look twice at the same people.
On the new machine: `restore FILE --into FOLDER`, then `check`, then start the service there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studyscope_contract.amount import amount
from studyscope_exporter.backing_up.sealed_stream import BackupProblem, SealedReader
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.commands.backup import SHORTEST, passphrase_argument, passphrase_of, write_sealed
from studyscope_exporter.retirement import retire, return_to_service
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

PIECE = 1 << 20


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a new file, on a disk that the new machine can read")
    passphrase_argument(parser)
    parser.add_argument("--confirm", metavar="SITE", help="the site's id, in the place of the question")


def execute(chosen: argparse.Namespace) -> int:
    settings, target = read_site_file(chosen.config), chosen.file
    if target.exists():
        print(f"{target} is there already and stays as it is; name a new file", file=sys.stderr)
        return 1
    print(f"Site {settings.site} moves away: once {target} is written and was read back, nothing runs on this machine any more.")
    said = chosen.confirm if chosen.confirm is not None else input("Is the service stopped? Type the site's id to go on: ")
    if said.strip() != settings.site:
        print("nothing was done")
        return 1
    passphrase = passphrase_of(chosen, twice=True)
    if len(passphrase) < SHORTEST:
        print(f"a passphrase has at least {SHORTEST} characters: the file holds the site's keys", file=sys.stderr)
        return 2
    with Site(settings, SystemClock()) as site:
        day = site.clock.now().date()
        for study in site.studies:
            study.domain.moving(day)
        retire(settings.state, day)
    number = 0
    try:
        number = write_sealed(chosen.config, settings, target, passphrase)
        _read_back(target, passphrase)
    except (OSError, BackupProblem) as problem:
        print(f"{target}: {problem}; this machine stays in service", file=sys.stderr)
        target.unlink(missing_ok=True)
        return 2
    finally:
        if not (number and target.exists()):
            return_to_service(settings.state)
    _say(target, number)
    return 0


def _read_back(target: Path, passphrase: str) -> None:
    """Every piece of the file authenticated; raises BackupProblem."""
    with target.open("rb") as file:
        sealed = SealedReader(file, passphrase)
        while sealed.read(PIECE):
            pass


def _say(target: Path, number: int) -> None:
    print(f"{target}: {amount(number, 'file')}, {target.stat().st_size:,} bytes, read back whole. This machine is retired.")
    print("On the new machine:")
    print(f"  studyscope-exporter restore {target.name} --into FOLDER")
    print("  set `state` and `keys` in FOLDER/site.yaml to where they are to lie, then: check, status, and start the service")
    print("When its first report was accepted, delete the state and the keys of this machine.")
