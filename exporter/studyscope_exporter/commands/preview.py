"""show the exact bytes that would leave at the next grid point, beside what they were

Three numbers stand beside each other: what the centre shows now, what it would show next, and the
exact local one, which never leaves. Tables that wait for an approver stand there as they would
leave if all were approved today. Looking changes nothing, however often.
--html FILE writes one page with everything an approver has to read; it stays in the house.
--bytes FILE writes the report itself, byte for byte as it would be signed and sent.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from studyscope_exporter.before_release import html, terminal
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.preview import Preview
from studyscope_exporter.new_file import write_new
from studyscope_exporter.previewing import AUDITING, described, previewed


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page for the approver into this new file")
    parser.add_argument("--without-exact", action="store_true", help="leave out everything that would not leave")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--bytes", type=Path, metavar="FILE", help="write the report that would leave into this new file")
    parser.add_argument("--all", action="store_true", help="show also tables in which nothing is counted or shown")


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site, Console(stderr=True).status(AUDITING):
        previews = {study.study.id: (study, previewed(site, study)) for study in chosen_studies(site, chosen)}
    if (chosen.bytes or chosen.html) and len(previews) > 1:
        print("--bytes and --html write one file: choose the study with --study", file=sys.stderr)
        return 2
    for study, preview in previews.values():
        if chosen.bytes:
            write_new(chosen.bytes, preview.report.to_bytes())
        if chosen.html:
            write_new(chosen.html, html.page(described(study, preview, exact=not chosen.without_exact)).encode())
            print(f"The page is in {chosen.html}; open it in a browser. " + _care(exact=not chosen.without_exact))
        elif not chosen.json:
            terminal.show(described(study, preview, exact=not chosen.without_exact), Console(), everything=chosen.all)
    if chosen.json:
        said = {name: _as_json(preview, exact=not chosen.without_exact) for name, (_, preview) in previews.items()}
        print(json.dumps(said, indent=2))
    return 0


def _care(*, exact: bool) -> str:
    if exact:
        return "It holds exact numbers and stays in the house; only you can read it."
    return "It holds nothing but what would leave."


def _as_json(preview: Preview, *, exact: bool) -> dict[str, Any]:
    return {
        "grid_point": preview.grid_point,
        "frozen": preview.frozen,
        "shown_hash": preview.shown_hash,
        "waiting_for_approval": [str(one.key) for one in preview.pending],
        "report": json.loads(preview.report.to_bytes()),
        "tables": [
            {
                "table": str(each.key),
                "now": {" x ".join(cell): value for cell, value in each.now},
                "next": {" x ".join(cell): value for cell, value in each.next},
            }
            | ({"situation": each.situation, "exact_stays_here": _counts(each.exact)} if exact else {})
            for each in preview.tables
        ],
    }


def _counts(exact: Any) -> dict[str, int]:
    return {" x ".join(cell): value for cell, value in exact.items()}
