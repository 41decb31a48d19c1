"""take a patient out of a study, at once and for good

Everything that this program keeps of the patient for the study is erased at once. A keyed mark
stays, so that no later scan counts the patient again; the mark is of no use without this site's
secret. What was published stays as it is: the command says which numbers, and for how long.
With - in the place of the ID you are asked for it, and it stays out of the shell's history.
Repeating the command changes nothing. A register of consent does the same at every scan: see docs/acts.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys

from studyscope_contract.policy import Deletions
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.withdrawal import Withdrawal
from studyscope_exporter.site import Site, StudyAtSite

WORD = "withdraw"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("patient", metavar="PATIENT_ID", help="as in DICOM; - to be asked for it")
    parser.add_argument("--issuer", default="", help="Issuer of Patient ID (default: the one of the site file)")
    study_argument(parser, help="only from this study")
    parser.add_argument("--all", action="store_true", help="from every study of the site")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        if (chosen.study is None) == (not chosen.all) and len(site.studies) > 1:
            print("say from which study, with --study ID, or --all", file=sys.stderr)
            return 2
        patient_id = input("Patient ID: ") if chosen.patient == "-" else chosen.patient
        if not patient_id.strip():
            print("the Patient ID is empty; nothing was done", file=sys.stderr)
            return 2
        patient = site.pseudonyms.patient(patient_id, chosen.issuer)
        studies = chosen_studies(site, chosen)
        if not _confirmed(site, patient, chosen, studies):
            print("nothing was done")
            return 1
        for study in studies:
            (done,) = study.domain.withdraw(patient, day=site.clock.now().date())
            print("\n".join(_said(study, done, site.clock.now().date())))
    return 0


def _confirmed(site: Site, patient: bytes, chosen: argparse.Namespace, studies: list[StudyAtSite]) -> bool:
    if not site.inventory.holds_patient(patient):
        issuer = chosen.issuer or site.settings.default_issuer or "no issuer"
        print(f"No record of this site is of that Patient ID ({issuer}). Is it spelt as in DICOM, and the issuer right?")
        print("The mark is made all the same: whoever comes under this ID later is never counted.")
    if chosen.yes:
        return True
    print(f"This takes the patient out of {', '.join(study.study.id for study in studies)} for good; there is no way back.")
    return input(f"Type the word {WORD} to go on: ").strip().lower() == WORD


def _said(at_site: StudyAtSite, done: Withdrawal, today: dt.date) -> list[str]:
    """What the person who asked for it may be told, in words."""
    study, policy = at_site.study.id, at_site.settings.policy
    if not done.new:
        return [f"study {study}: withdrawn already; nothing was changed"]
    said = [f"study {study}: erased from the state, and never counted again; the ledger has a line without identity"]
    if policy.reported:
        said.append(
            f"  the next report is without them in the exact numbers of {', '.join(policy.reported)}: who compares sees one fewer"
        )
    if not done.shown_in:
        return [*said, "  no protected number that is shown now holds this patient"]
    tables = ", ".join(str(key) for key in done.shown_in)
    return [
        *said,
        f"  still shown, as multiples of {policy.parameters.b} in which nobody can be recognised: {tables}",
        f"  until so many others have joined or left that these tables move (at least {policy.parameters.m} people)",
        _at_the_latest(policy.deletions, today),
        "  what was published before stays in the centre's history; it cannot be called back",
    ]


def _at_the_latest(rule: Deletions, today: dt.date) -> str:
    if rule.action == "carry":
        return "  where too few ever do, they stay as they are (the policy carries them)"
    end = today + dt.timedelta(days=rule.max_hold_days + 1)
    return f"  or until {end} at the latest: then the policy hides for good what has not moved (retire)"
