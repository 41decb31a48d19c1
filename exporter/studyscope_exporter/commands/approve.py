"""sign, as an approver, that tables of a study may leave

An approval covers a table with its closed list of codes, its threshold and the policy in force. It
can be given before any data came; a code that crosses the threshold later needs no new one. A
change of policy or of a code list does. Read `preview` first.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from studyscope_contract.keys import KeyProblem, SigningKey
from studyscope_contract.metric import TableKey
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.site import StudyAtSite


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser)
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="your own approver's key")
    parser.add_argument("--table", action="append", metavar="ID", help="only this table (again for more); default: all that wait")
    parser.add_argument("--yes", action="store_true", help="do not ask; you have read what is approved")


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        key = approver_key(chosen.key)
        for study in chosen_studies(site, chosen):
            waiting = study.domain.pending_approvals()
            tables = [table for table in waiting if chosen.table is None or str(table) in chosen.table]
            if not tables:
                print(f"study {study.study.id}: nothing waits for an approval")
                continue
            _explain(study, tables)
            if not chosen.yes and input("Sign this? Type yes: ").strip().lower() != "yes":
                print("nothing was signed")
                return 1
            study.domain.approve(tables, key, site.clock.now().date())
            print(f"study {study.study.id}: {len(tables)} tables approved; it is in the ledger")
    return 0


def _explain(study: StudyAtSite, tables: list[TableKey]) -> None:
    policy = study.settings.policy
    numbers = policy.parameters
    print(f"Study {study.study.id}, {study.study.title}; policy {policy.preset} ({policy.hash[:12]}):")
    print(f"  numbers in multiples of {numbers.b}, nothing under {numbers.s}, nothing moves for fewer than {numbers.m} people")
    known = dict(study.study.tables())
    for key in tables:
        cells = study.study.codes(known[key])
        shown = ", ".join(" x ".join(cell) for cell in cells[:8] if cell)
        more = f", and {len(cells) - 8} more" if len(cells) > 8 else ""
        print(f"  {key}: {known[key].help}" + (f" Codes: {shown}{more}." if shown else ""))


def approver_key(path: Path) -> SigningKey:
    """The key in the file, its passphrase asked for where there is one."""
    try:
        return SigningKey.load(path)
    except KeyProblem:
        if not sys.stdin.isatty():
            raise
        return SigningKey.load(path, getpass.getpass(f"Passphrase of {path}: "))
