"""take the centre's answers to an exported file, for a site without a line to the centre

A report counts as delivered only with the centre's receipt for exactly its bytes, signed where the
site file names `keys`. A report that the centre refused for good is set aside with its words.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from studyscope_contract.amount import amount
from studyscope_contract.file_delivery import Answered
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.delivery.settled import settle
from studyscope_exporter.site import StudyAtSite


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="what studyscope-aggregator import wrote")
    study_argument(parser)


def execute(chosen: argparse.Namespace) -> int:
    try:
        lines = chosen.file.read_bytes().splitlines()
        answers = [Answered.model_validate_json(line) for line in lines]
    except (OSError, ValidationError):
        print(f"{chosen.file} cannot be read as the centre's answers: ask for the file again", file=sys.stderr)
        return 1
    good = True
    with opened_site(chosen) as site:
        for study in chosen_studies(site, chosen):
            good = _take(study, answers) and good
    return 0 if good else 1


def _take(study: StudyAtSite, answers: list[Answered]) -> bool:
    done = settle(study.outbox, answers, study.settings.centre.verifying)
    for problem in done.problems:
        print(problem)
    print(f"study {study.study.id}: {amount(done.delivered, 'report')} delivered, {len(study.outbox.waiting())} wait")
    return not done.problems
