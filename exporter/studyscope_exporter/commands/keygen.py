"""make the site's keys and print what the centre needs

Makes the signing key and the site secret in the folder `keys` of the site file. Keys that are
there already stay as they are, so the command can be repeated.
With --approver FILE it makes the key of one approver instead, protected by a passphrase.
"""

from __future__ import annotations

import argparse
import getpass
from pathlib import Path

from studyscope_contract.keys import SigningKey
from studyscope_exporter.identity import SiteIdentity
from studyscope_exporter.settings import read_site_file


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--approver", type=Path, metavar="FILE", help="make the key of an approver in this new file")
    parser.add_argument("--no-passphrase", action="store_true", help="do not protect the approver's key (for trials only)")


def execute(chosen: argparse.Namespace) -> int:
    if chosen.approver:
        return _approver(chosen.approver, protected=not chosen.no_passphrase)
    settings = read_site_file(chosen.config)
    public = SiteIdentity.create(settings.keys).signing_key.public
    print(f"Keys of site {settings.site} are in {settings.keys}. Back them up apart from the state folder.")
    print("Give the centre this public key, and compare the fingerprint with them over the telephone:")
    print(f"  key:         {public.text}")
    print(f"  fingerprint: {public.fingerprint}")
    return 0


def _approver(path: Path, *, protected: bool) -> int:
    if path.exists():
        print(f"{path} is there already; choose a new file")
        return 1
    passphrase = getpass.getpass("New passphrase of this approver: ") if protected else None
    if protected and (not passphrase or passphrase != getpass.getpass("Again: ")):
        print("the two passphrases differ, or are empty; nothing was made")
        return 1
    key = SigningKey.generate()
    key.save(path, passphrase)
    print(f"The approver's key is in {path}. Add this to `approvers` of the study in the site file,")
    print("or give the key to `studyscope-exporter approver add`:")
    print(f'  - {{name: "NAME OF THE APPROVER", key: "{key.public.text}"}}')
    return 0
