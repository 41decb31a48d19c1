"""take the centre's answers to an exported file, for a site without a line to the centre

A report counts as delivered only with the centre's receipt for exactly its bytes, signed where the
site file names `keys`. A report that the centre refused for good is set aside with its words.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from pydantic import ValidationError

from studyscope_contract.file_delivery import Answered
from studyscope_contract.receipt import ReceiptProblem, SignedReceipt
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.delivery.push import SET_ASIDE
from studyscope_exporter.site import StudyAtSite


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="what studyscope-aggregator import wrote")
    study_argument(parser)


def execute(chosen: argparse.Namespace) -> int:
    try:
        lines = chosen.file.read_bytes().splitlines()
        answers = {one.sha256: one for one in map(Answered.model_validate_json, lines)}
    except (OSError, ValidationError):
        print(f"{chosen.file} cannot be read as the centre's answers: ask for the file again", file=sys.stderr)
        return 1
    good = True
    with opened_site(chosen) as site:
        for study in chosen_studies(site, chosen):
            good = _take(study, answers) and good
    return 0 if good else 1


def _take(study: StudyAtSite, answers: dict[str, Answered]) -> bool:
    delivered, good = 0, True
    for report in study.outbox.waiting():
        raw = report.read()
        answer = answers.get(hashlib.sha256(raw).hexdigest())
        if answer is None:
            continue
        if not answer.is_taken:
            good = False
            print(f"report {report.sequence} was refused: {answer.text}")
            if answer.status in SET_ASIDE:
                study.outbox.refused(report, answer.text)
            continue
        try:
            receipt = SignedReceipt.for_report(answer.text.encode(), raw, study.settings.centre.verifying)
        except ReceiptProblem as problem:
            good = False
            print(f"report {report.sequence} keeps waiting: {problem}")
            continue
        study.outbox.delivered(report, receipt.to_bytes().decode())
        delivered += 1
    print(f"study {study.study.id}: {delivered} reports delivered, {len(study.outbox.waiting())} wait")
    return good
