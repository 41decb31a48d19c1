"""who may sign for this hospital: list, add or remove approvers of a study

  approver list
  approver add NAME KEY    KEY is the public key that the person's `keygen --approver` printed
  approver remove NAME

Each approver makes a key of their own and keeps it. `add` and `remove` change the file that
`approvers_file` of the study names; people in the site file itself are changed there. Every change,
wherever it was made, becomes a line of the ledger. What somebody signed while listed stays signed.
"""

from __future__ import annotations

import argparse
import sys

from studyscope_contract.keys import VerifyingKey
from studyscope_contract.yaml_file import FileProblem, Problem
from studyscope_exporter.approvers import approvers_of, keep_approvers, kept_approvers
from studyscope_exporter.commands.opened import opened_site, study_argument
from studyscope_exporter.settings import Approver, SiteSettings, StudySettings, read_site_file, read_study_file


def arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(title="what to do", required=True, metavar="list | add | remove", dest="what")
    study_argument(kinds.add_parser("list", help="everybody who may sign"))
    add = kinds.add_parser("add", help="one more")
    add.add_argument("person", metavar="NAME")
    add.add_argument("key", metavar="KEY", help="ed25519:...")
    study_argument(add)
    remove = kinds.add_parser("remove", help="one less")
    remove.add_argument("person", metavar="NAME")
    study_argument(remove)


def execute(chosen: argparse.Namespace) -> int:
    settings = read_site_file(chosen.config)
    studies = _chosen(settings, chosen)
    if chosen.what == "list":
        for name, study in studies.items():
            print(f"study {name}")
            for one in approvers_of(study):
                where = "site file" if one in study.approvers else study.approvers_file
                print(f"  {one.name:<30} {VerifyingKey.parse(one.key).fingerprint}   {where}")
        return 0
    for study in studies.values():
        _add(study, chosen) if chosen.what == "add" else _remove(study, chosen)
    with opened_site(chosen):  # opening a study puts what changed into its ledger
        print(f"done; it is in the ledger of {', '.join(studies)}")
    if chosen.what == "add":
        fingerprint = VerifyingKey.parse(chosen.key).fingerprint
        print(f"Compare the fingerprint with {chosen.person} over the telephone: {fingerprint}")
    return 0


def _chosen(settings: SiteSettings, chosen: argparse.Namespace) -> dict[str, StudySettings]:
    studies = {read_study_file(study.study_file).id: study for study in settings.studies}
    found = {name: study for name, study in studies.items() if chosen.study in (None, name)}
    if not found:
        raise FileProblem(chosen.config, [Problem(1, "studies", f"no study {chosen.study!r}; there are: {', '.join(studies)}")])
    files = [study.approvers_file for study in found.values()]
    if chosen.what != "list" and None in files:
        words = "is missing: name a file there, for example `approvers_file: approvers.yaml`, or change `approvers` by hand"
        raise FileProblem(chosen.config, [Problem(1, "approvers_file", words)])
    return found


def _add(study: StudySettings, chosen: argparse.Namespace) -> None:
    assert study.approvers_file is not None
    new = Approver(name=chosen.person, key=VerifyingKey.parse(chosen.key).text)
    kept = kept_approvers(study.approvers_file)
    if new in kept:
        return  # by another study that keeps the same file
    if any(one.name == new.name or one.key == new.key for one in (*study.approvers, *kept)):
        raise FileProblem(study.approvers_file, [Problem(1, "approvers", f"{new.name}, or this key, is there already")])
    keep_approvers(study.approvers_file, [*kept, new])


def _remove(study: StudySettings, chosen: argparse.Namespace) -> None:
    assert study.approvers_file is not None
    if any(one.name == chosen.person for one in study.approvers):
        words = f"{chosen.person} stands in the site file itself; take the line out there"
        raise FileProblem(chosen.config, [Problem(1, "approvers", words)])
    kept = kept_approvers(study.approvers_file)
    left = [one for one in kept if one.name != chosen.person]
    if len(left) == len(kept):
        print(f"{study.approvers_file}: nobody there is called {chosen.person!r}", file=sys.stderr)
    keep_approvers(study.approvers_file, left)
