"""verify the ledger: everything ever published, hash-chained and signed

Exit code 1 when the chain or a signature is broken.
"""

from __future__ import annotations

import argparse

from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.ledger import verify_ledger


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser)


def execute(chosen: argparse.Namespace) -> int:
    whole = True
    with opened_site(chosen) as site:
        for study in chosen_studies(site, chosen):
            path = study.domain.ledger_path
            problems = verify_ledger(path, site.identity.signing_key.public)
            print(f"study {study.study.id}: {path}: " + ("the chain is whole" if not problems else "BROKEN"))
            for problem in problems:
                print(f"  {problem}")
            whole = whole and not problems
    return 0 if whole else 1
