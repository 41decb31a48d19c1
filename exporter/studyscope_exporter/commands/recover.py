"""open a study again whose state was lost, put back from a backup, or frozen

This site's accepted reports come back from the centre (or from --from FILE, one report a line, as
the coordinator exports them), are verified against this site's keys, and tell what was published. The
numbering of reports goes on. Who was counted is lost: each table shows what it showed last until at
least a whole gate's worth of people is there beyond those who can have been counted.
Two approvers answer for it with their keys. Make sure first that no other machine uses this site's key.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studyscope_contract.amount import amount
from studyscope_contract.key_change import KeyChange
from studyscope_contract.keys import VerifyingKey
from studyscope_contract.report import Report
from studyscope_exporter.commands.approve import approver_key
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.delivery.push import NotDelivered
from studyscope_exporter.disclosure.errors import RecoveryProblem
from studyscope_exporter.disclosure.rebuilding import verified_reports
from studyscope_exporter.disclosure.recovery import Recovered
from studyscope_exporter.handing_in import signed_requests
from studyscope_exporter.site import Site, StudyAtSite


@dataclass(frozen=True)
class Accepted:
    """What the centre accepted of this site: verified reports, and the number of the newest one, given back or not."""

    reports: Sequence[Report]
    last: int


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser, help="the study (needed where the site has several)")
    parser.add_argument("--key", type=Path, action="append", required=True, metavar="FILE", help="an approver's key; give two")
    parser.add_argument(
        "--from", type=Path, dest="file", metavar="FILE", help="the accepted reports, where the centre is out of reach"
    )
    parser.add_argument("--old-key", action="append", default=[], metavar="KEY", help="a public key that this site had before")
    parser.add_argument("--confirm", metavar="ID", help="the study's id, in the place of the question")


def execute(chosen: argparse.Namespace) -> int:
    if len(chosen.key) != 2:
        print("a recovery needs two approvers: give --key twice", file=sys.stderr)
        return 2
    with opened_site(chosen) as site:
        if chosen.study is None and len(site.studies) > 1:
            print("this site has several studies: say which one with --study ID", file=sys.stderr)
            return 2
        (at_site,) = chosen_studies(site, chosen)
        old = [VerifyingKey.parse(text) for text in chosen.old_key]
        keys = [*at_site.domain.signing_keys(), *old]
        accepted = _from_file(chosen.file, at_site, keys) if chosen.file else _from_centre(site, at_site, keys)
        _explain(at_site, accepted)
        said = chosen.confirm if chosen.confirm is not None else input("Type the study's id to go on: ")
        if said.strip() != at_site.study.id:
            print("nothing was done")
            return 1
        first, second = (approver_key(path) for path in chosen.key)
        least = max(accepted.last, at_site.outbox.highest())
        overtaken = at_site.domain.status().overtaken
        today, ours = site.clock.now().date(), site.identity.signing_key.public
        changes = [KeyChange.without_old(at_site.site, one, ours, today, "recovered under a new key") for one in old]
        done = at_site.domain.recover(accepted.reports, least, (first, second), today, changes)
        waiting = at_site.outbox.supersede() if overtaken or done.set_aside else 0
        _say(done, waiting)
    return 0


def _from_centre(site: Site, at_site: StudyAtSite, keys: Sequence[VerifyingKey]) -> Accepted:
    client = site.client(at_site)
    try:
        raw = list(client.own_reports(signed_requests(site, at_site), 0))
        last = client.last_sequence(at_site.study.id, at_site.site) or 0
    except NotDelivered as problem:
        raise RecoveryProblem(f"{problem}. Without the centre, ask its coordinator for a file and give it with --from") from None
    finally:
        client.close()
    return _accepted(raw, last, at_site, keys)


def _from_file(path: Path, at_site: StudyAtSite, keys: Sequence[VerifyingKey]) -> Accepted:
    try:
        raw = [line for line in path.read_bytes().splitlines() if line]
    except OSError as error:
        raise RecoveryProblem(f"{path} cannot be read: {error.strerror}") from None
    return _accepted(raw, 0, at_site, keys)


def _accepted(raw: Sequence[bytes], last: int, at_site: StudyAtSite, keys: Sequence[VerifyingKey]) -> Accepted:
    reports = verified_reports(raw, keys, site=at_site.site, study=at_site.study.id)
    return Accepted(reports, max([last, *(report.sequence for report in reports)]))


def _explain(at_site: StudyAtSite, accepted: Accepted) -> None:
    reports, grid = accepted.reports, at_site.settings.policy.grid
    print(f"Study {at_site.study.id}: the centre accepted {amount(len(reports), 'report')}, every signature is this site's own.")
    if reports:
        print(f"  report {reports[0].sequence} of {grid.moment(reports[0].grid_point):%Y-%m-%d}", end=" to ")
        print(f"report {reports[-1].sequence} of {grid.moment(reports[-1].grid_point):%Y-%m-%d}")
    if reports and accepted.last > reports[-1].sequence:
        print(f"  its newest one is {accepted.last}: the later ones were retracted and are not given back")
    print("  Who was counted is lost for good. A new generation of the tables begins; what is shown stays until it opens.")
    print("  Make sure that no other machine uses this site's key.")


def _say(done: Recovered, waiting: int) -> None:
    print(f"done: generation {done.state.generation}; the next report is number {done.state.sequence + 1}")
    print(f"  shown as before: {', '.join(map(str, done.shown)) or 'no table'}")
    print("  each opens anew, for both approvers of this recovery, once enough other people have come; others need two approvers")
    if waiting:
        print(f"  set aside: {amount(waiting, 'report')} that waited; the centre has others in their place")
    if done.set_aside:
        print("  the old ledger told of another history and was kept beside the new one, as ledger-set-aside-….jsonl")
    print(f"  withdrawals of patients that are known here and hold: {len(done.state.withdrawn)}")
    print("  Any that was made by the command after the backup, or on another machine: repeat it before the next scan.")
    print("Now run: studyscope-exporter scan, then status")
