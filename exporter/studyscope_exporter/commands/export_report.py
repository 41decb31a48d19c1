"""write the reports that wait into a file, for a site without a line to the centre

The file holds exactly the signed bytes that delivery would send, one report a line, and nothing
else. The reports keep waiting until the centre's answers come back: see import-receipt. A centre that was
put back from a backup says up to which number it has them: --after NUMBER brings those after it once more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studyscope_contract.amount import amount
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.handing_in import send_again


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a new file")
    parser.add_argument("--after", type=int, metavar="NUMBER", help="also what was delivered after this report of the study")
    study_argument(parser)


def execute(chosen: argparse.Namespace) -> int:
    if chosen.file.exists():
        print(f"{chosen.file} is there already and stays as it is; name a new file", file=sys.stderr)
        return 1
    with opened_site(chosen) as site:
        studies = chosen_studies(site, chosen)
        if chosen.after is not None and len(studies) > 1:
            print("--after is a number of one study: name it with --study", file=sys.stderr)
            return 1
        if chosen.after is not None:
            send_again(site, studies[0], chosen.after)
        reports = [report.read() for study in studies for report in study.outbox.waiting()]
    chosen.file.write_bytes(b"".join(report + b"\n" for report in reports))
    size = chosen.file.stat().st_size
    print(f"{amount(len(reports), 'report')} in {chosen.file}, {amount(size, 'byte')}; what is sent waits here for its receipts")
    return 0
