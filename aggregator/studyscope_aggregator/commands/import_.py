"""hand in reports that a site without a line sent as a file, and write the receipts for it

Hands every report in FILE to the running centre and writes what it answered into FILE.receipts,
which goes back to the site for `studyscope-exporter import-receipt`. Repeating it does no harm.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import httpx

from studyscope_aggregator.settings import CentreSettings
from studyscope_contract.amount import amount
from studyscope_contract.file_delivery import Answered
from studyscope_contract.report import MEDIA_TYPE
from studyscope_contract.yaml_file import FileProblem, Problem

TIMEOUT_SECONDS = 60


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="what studyscope-exporter export-report wrote")


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    address = f"{settings.listen.url}/api/v1/reports"
    answers = []
    try:
        lines = chosen.file.read_bytes().splitlines()
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            for line in lines:
                answer = client.post(address, content=line, headers={"Content-Type": MEDIA_TYPE})
                answers.append(Answered.to(line, answer.status_code, answer.text))
    except OSError as error:
        raise FileProblem(chosen.file, [Problem(0, "", f"cannot be read: {error.strerror}")]) from None
    except httpx.HTTPError as error:
        print(f"the centre does not answer at {address} ({type(error).__name__}): is `serve` running? Nothing was written")
        return 1
    receipts = chosen.file.with_name(f"{chosen.file.name}.receipts")
    receipts.write_text("".join(f"{one.model_dump_json()}\n" for one in answers), encoding="utf-8")
    taken = [one for one in answers if one.is_taken]
    print(f"the centre holds {len(taken)} of {amount(len(answers), 'report')}; the answers for the site are in {receipts}")
    for one in answers:
        if not one.is_taken:
            print(f"  refused with {one.status}: {_words(one.text)}")
    return 0 if len(taken) == len(answers) else 1


def _words(text: str) -> str:
    try:
        content = json.loads(text)
        return f"{content['message']} ({content['reason']})"
    except (ValueError, KeyError, TypeError):
        return text[:200]
