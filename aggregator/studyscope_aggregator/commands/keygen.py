"""make the centre's signing key and print what the sites need

The key signs receipts and, unless the coordinator has a key of their own, study files.
A key that is there already stays as it is, so the command can be repeated.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from studyscope_aggregator.settings import CentreSettings
from studyscope_contract.keys import SigningKey
from studyscope_contract.yaml_file import FileProblem, Problem


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, metavar="FILE", help="make another key in this file, such as the coordinator's own")


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    path = chosen.to or settings.key
    if path is None:
        raise FileProblem(
            chosen.config, [Problem(1, "key", "is missing: say where the key is to be, such as `key: keys/centre.pem`")]
        )
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        SigningKey.generate().save(path)
    public = SigningKey.load(path).public
    print(f"The key is in {path}. Back it up; whoever has it can sign in the centre's name.")
    print("Each site puts this under `centre` of the study in its site file, and compares the fingerprint over the telephone:")
    print(f'  keys: ["{public.text}"]')
    print(f"  fingerprint: {public.fingerprint}")
    return 0
