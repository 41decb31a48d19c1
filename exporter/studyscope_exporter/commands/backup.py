"""everything that this site needs to come back, in one encrypted file

State with its ledger, keys, site file with its policy, and study files. The service may run meanwhile.
Without the passphrase nobody can read it, you neither: keep it where the hospital keeps such things.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from studyscope_contract.amount import amount
from studyscope_exporter.backing_up.contents import write_backup
from studyscope_exporter.backing_up.sealed_stream import SealedWriter
from studyscope_exporter.settings import SiteSettings, read_site_file

SHORTEST = 12


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup to write, on another machine's disk")
    passphrase_argument(parser)


def passphrase_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line is the passphrase; else it is asked for"
    )


def execute(chosen: argparse.Namespace) -> int:
    settings = read_site_file(chosen.config)
    target: Path = chosen.file
    if target.exists():
        print(f"{target} is there already and stays as it is; name a new file", file=sys.stderr)
        return 1
    passphrase = passphrase_of(chosen, twice=True)
    if len(passphrase) < SHORTEST:
        print(f"a passphrase has at least {SHORTEST} characters: the backup holds the site's keys", file=sys.stderr)
        return 2
    try:
        number = write_sealed(chosen.config, settings, target, passphrase)
    except OSError as error:
        print(f"{error.filename or target}: {error.strerror}; nothing was kept", file=sys.stderr)
        return 2
    size = target.stat().st_size
    print(f"{target}: {amount(number, 'file')}, {size:,} bytes. Try it now and then: restore --into an empty folder.")
    return 0


def write_sealed(site_file: Path, settings: SiteSettings, target: Path, passphrase: str) -> int:
    """Writes the new file `target`, whole or not at all; the number of files in it. Raises OSError."""
    new = target.with_name(f"{target.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            number = write_backup(site_file, settings, SealedWriter(file, passphrase))
            file.flush()
            os.fsync(file.fileno())
        new.rename(target)
    finally:
        new.unlink(missing_ok=True)
    return number


def passphrase_of(chosen: argparse.Namespace, *, twice: bool) -> str:
    """From the file that was named, else from a person."""
    if chosen.passphrase_file:
        return str(chosen.passphrase_file.read_text(encoding="utf-8").partition("\n")[0])
    passphrase = getpass.getpass("Passphrase of the backup: ")
    return passphrase if not twice or passphrase == getpass.getpass("Again: ") else ""
