"""read or verify the ledger: everything ever published, hash-chained and signed

  ledger verify        whether the chain and every signature hold; exit code 1 when not (the default)
  ledger list          every act and report, one line each
  ledger export        every number that ever left, in words: table, value, recipient, policy, approver, receipt

It has a line for everything that leaves: reports with their numbers and with what they say of the
installation where that is new, requests for enrolment and for a new key, and to whom. Beside that the
centre sees only that it is asked: for the study file, for receipts, for this site's own reports.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from studyscope_contract.amount import amount
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.errors import DomainProblem
from studyscope_exporter.disclosure.ledger_keys import verify_ledger
from studyscope_exporter.ledger_pages import as_csv, as_text, between, shortened
from studyscope_exporter.ledger_words import Entry, entries
from studyscope_exporter.new_file import write_new
from studyscope_exporter.site import Site, StudyAtSite


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser)
    parser.set_defaults(what="verify")
    kinds = parser.add_subparsers(title="what to do", metavar="verify | list | export", dest="what", required=False)
    kinds.add_parser("verify", help="whether the chain and every signature hold")
    listed = kinds.add_parser("list", help="every act and report, one line each")
    exported = kinds.add_parser("export", help="every number that ever left, in words")
    exported.add_argument("--csv", action="store_true", help="a row for each number, for a spreadsheet")
    exported.add_argument("--to", type=Path, metavar="FILE", help="into this new file")
    for each in (listed, exported):
        each.add_argument("--since", type=dt.date.fromisoformat, metavar="DAY", help="from this day on, as 2026-01-31")
        each.add_argument("--until", type=dt.date.fromisoformat, metavar="DAY", help="up to and with this day")


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        studies = chosen_studies(site, chosen)
        if chosen.what in (None, "verify"):
            return 0 if all([_verified(site, study) for study in studies]) else 1
        said = "".join(_said(chosen, site, study) for study in studies)
    if chosen.what == "export" and chosen.to:
        write_new(chosen.to, said.encode())
        print(f"{chosen.to} holds what left; nothing in it is an exact number")
    else:
        print(said, end="")
    return 0


def _verified(site: Site, study: StudyAtSite) -> bool:
    path = study.domain.ledger_path
    problems = verify_ledger(path, site.identity.signing_key.public)
    print(f"study {study.study.id}: {path}: " + ("BROKEN" if problems else "the chain is whole"))
    for problem in problems:
        print(f"  {problem}")
    for entry in entries(path.read_bytes(), study.study, study.outbox.receipt) if not problems else ():
        if entry.is_key_change:
            print(f"  line {entry.number}: {entry.what}")
    return not problems


def _said(chosen: argparse.Namespace, site: Site, study: StudyAtSite) -> str:
    problems = verify_ledger(study.domain.ledger_path, site.identity.signing_key.public)
    if problems:
        raise DomainProblem(f"the ledger is damaged and is not read out: {'; '.join(problems)}")
    found = list(
        between(entries(study.domain.ledger_path.read_bytes(), study.study, study.outbox.receipt), chosen.since, chosen.until)
    )
    recipient = study.settings.centre.url
    if chosen.what == "list":
        lines = [f"study {study.study.id}", *(_line(entry) for entry in shortened(found))]
    elif chosen.csv:
        return as_csv(found, recipient)
    else:
        lines = [f"Study {study.study.title}: everything that left", *as_text(shortened(found), recipient)]
    return "\n".join([*lines, ""])


def _line(entry: Entry) -> str:
    more = f", then {amount(entry.repeats, 'report')} with the same numbers" if entry.repeats else ""
    return f"{entry.number:>6}  {entry.day or 'no day'!s:<10}  {entry.what}{more}"
