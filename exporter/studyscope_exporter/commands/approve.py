"""sign, as an approver, that tables of a study may leave

An approval covers a table with its closed list of codes, its threshold and the policy in force. It
can be given before any data came; a code that crosses the threshold later needs no new one. A
change of policy or of a code list does. Read `preview --html FILE` first and give the number that
it ends with as --shown: where something has changed since, nothing is signed.

On another computer, so that the key never comes here:
  approve --study ID --request FILE   here: writes what is to be signed
  approve --sign FILE --key KEY       there, no site file needed: shows it, writes FILE.signed
  approve --accept FILE.signed        here: puts the signature into the ledger
Nothing leaves while nobody signs; that no answer came is never taken for a yes.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from studyscope_contract.amount import amount
from studyscope_contract.keys import KeyProblem, SigningKey
from studyscope_contract.metric import TableKey
from studyscope_exporter.approval_files import ApprovalRequest, as_file, read_request, read_signed
from studyscope_exporter.approving_elsewhere import request_for, take_back
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.errors import ApprovalProblem
from studyscope_exporter.new_file import write_new
from studyscope_exporter.policy_words import policy_sentences
from studyscope_exporter.previewing import AUDITING, previewed
from studyscope_exporter.site import Site, StudyAtSite

EXACT = " EXACT NUMBERS, small ones and 0 too, at every grid point."
CHANGED = "what would leave is not what you were shown: it has changed since. Read `preview` again; nothing was signed"


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser)
    parser.add_argument("--key", type=Path, metavar="FILE", help="your own approver's key")
    parser.add_argument("--shown", metavar="HASH", help="the number at the end of the preview that you read")
    parser.add_argument("--table", action="append", metavar="ID", help="only this table (again for more); default: all that wait")
    parser.add_argument("--yes", action="store_true", help="do not ask; you have read what is approved")
    elsewhere = parser.add_mutually_exclusive_group()
    elsewhere.add_argument("--request", type=Path, metavar="FILE", help="write what is to be signed on another computer")
    elsewhere.add_argument("--sign", type=Path, metavar="FILE", help="on the other computer: sign such a request")
    elsewhere.add_argument("--accept", type=Path, metavar="FILE", help="take the signed file back")


def execute(chosen: argparse.Namespace) -> int:
    if chosen.sign:
        return _sign_here(chosen)
    if not (chosen.key or chosen.request or chosen.accept):
        print("say with --key FILE whose signature this is, or see --request in --help", file=sys.stderr)
        return 2
    with opened_site(chosen) as site:
        if chosen.accept:
            return _accept(chosen, site)
        studies = chosen_studies(site, chosen)
        if chosen.request:
            return _request(chosen.request, site, studies)
        key = approver_key(chosen.key)
        for study in studies:
            code = _approve(chosen, site, study, key)
            if code:
                return code
    return 0


def _approve(chosen: argparse.Namespace, site: Site, study: StudyAtSite, key: SigningKey) -> int:
    waiting = study.domain.pending_approvals()
    tables = [table for table in waiting if chosen.table is None or str(table) in chosen.table]
    if not tables:
        print(f"study {study.study.id}: nothing waits for an approval")
        return 0
    with Console(stderr=True).status(AUDITING):
        shown = previewed(site, study).shown_hash
    if chosen.shown not in (None, shown):
        raise ApprovalProblem(CHANGED)
    _explain(study, tables)
    if not chosen.yes and not _agreed():
        return 1
    study.domain.approve(tables, key, site.clock.now().date(), shown)
    print(f"study {study.study.id}: {amount(len(tables), 'table')} approved; it is in the ledger")
    return 0


def _agreed() -> bool:
    if input("Sign this? Type yes: ").strip().lower() == "yes":
        return True
    print("nothing was signed")
    return False


def _request(path: Path, site: Site, studies: Sequence[StudyAtSite]) -> int:
    if len(studies) > 1:
        print("a request is for one study: choose it with --study", file=sys.stderr)
        return 2
    (study,) = studies
    request = request_for(site, study)
    if request is None:
        print(f"study {study.study.id}: nothing waits for an approval")
        return 0
    write_new(path, as_file(request))
    print(f"{path} holds what is to be signed: {amount(len(request.tables), 'table')}, nothing that would not leave.")
    print("On the other computer:")
    print(f"  studyscope-exporter approve --sign {path.name} --key YOUR-KEY")
    print(f"and then here: studyscope-exporter approve --accept {path.name}.signed")
    return 0


def _sign_here(chosen: argparse.Namespace) -> int:
    if not chosen.key:
        print("say with --key FILE whose signature this is", file=sys.stderr)
        return 2
    request = read_request(chosen.sign)
    _explain_request(request)
    if chosen.shown not in (None, request.shown):
        raise ApprovalProblem(CHANGED)
    if not chosen.yes and not _agreed():
        return 1
    answer = chosen.sign.with_name(f"{chosen.sign.name}.signed")
    write_new(answer, as_file(request.signed(approver_key(chosen.key), SystemClock().now().date())))
    print(f"signed; bring {answer} back to the site: studyscope-exporter approve --accept {answer.name}")
    return 0


def _accept(chosen: argparse.Namespace, site: Site) -> int:
    signed = read_signed(chosen.accept)
    chosen.study = signed.study
    (study,) = chosen_studies(site, chosen)
    tables = take_back(site, study, signed)
    if tables:
        print(f"study {study.study.id}: {amount(tables, 'table')} approved; it is in the ledger")
    else:
        print(f"study {study.study.id}: this signature is in the ledger already; nothing was changed")
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
        exact = EXACT if key.table in policy.reported else ""
        print(f"  {key}: {known[key].help}" + (f" Codes: {shown}{more}." if shown else "") + exact)


def _explain_request(request: ApprovalRequest) -> None:
    print(f"Study {request.study}, {request.title}; from site {request.site} to {request.recipient}")
    for sentence in policy_sentences(request.policy):
        print(f"  {sentence}")
    for table in request.tables:
        numbers = ", ".join(f"{' x '.join(cell) or 'all'} {value}" for cell, value in table["next"])
        print(f"  {table['table']}: {numbers or 'no number yet'}" + (EXACT if table["table"] in request.policy.reported else ""))
    print(f"What you sign is named {request.shown}; compare it with the page that you read.")


def approver_key(path: Path) -> SigningKey:
    """The key in the file, its passphrase asked for where there is one."""
    try:
        return SigningKey.load(path)
    except KeyProblem:
        if not sys.stdin.isatty():
            raise
        return SigningKey.load(path, getpass.getpass(f"Passphrase of {path}: "))
