"""unpack a backup into an empty folder

There stand site.yaml, state/ and keys/ afterwards; move them to where the service looks for them, or
start with --config. Run `check` before anything else: where the centre has newer reports than the
backup, this machine sends nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studyscope_contract.amount import amount
from studyscope_exporter.backing_up.contents import read_backup
from studyscope_exporter.backing_up.sealed_stream import BackupProblem, SealedReader
from studyscope_exporter.commands.backup import passphrase_argument, passphrase_of


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup")
    parser.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="a new or empty folder")
    passphrase_argument(parser)


def execute(chosen: argparse.Namespace) -> int:
    folder: Path = chosen.into
    if folder.exists() and any(folder.iterdir()):
        print(f"{folder} is not empty; name a new folder, nothing is ever written over a state", file=sys.stderr)
        return 1
    try:
        with chosen.file.open("rb") as file:
            number = read_backup(SealedReader(file, passphrase_of(chosen, twice=False)), folder)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except BackupProblem as problem:
        print(f"{chosen.file}: {problem}. What was unpacked into {folder} is not whole: delete it", file=sys.stderr)
        return 2
    print(f"{amount(number, 'file')} restored into {folder}.")
    print(f"Set `state` and `keys` in {folder / 'site.yaml'} to where they are to lie, then run check.")
    return 0
