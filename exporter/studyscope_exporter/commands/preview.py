"""show the exact bytes that would leave at the next grid point, beside what they were

Three numbers stand beside each other: what the centre shows now, what it would show next, and the
exact local one, which never leaves. Looking changes nothing, however often.
--bytes FILE writes the report itself, byte for byte as it would be signed and sent.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.preview import Preview, TablePreview
from studyscope_exporter.site import Site, StudyAtSite

SITUATIONS = {
    "moves": "moves at the next grid point",
    "gathering": "stays: too few patients changed yet",
    "waiting": "frozen; its secret delay runs",
    "held": "held: it would tell too much together with what was published before",
    "not_approved": "waits for an approver",
    "refused": "refused by the policy",
    "retired": "retired: it held people who had left for longer than the policy lets it",
    "no_source": "no source of this site fills it",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser)
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--bytes", type=Path, metavar="FILE", help="write the report that would leave into this new file")
    parser.add_argument("--all", action="store_true", help="show also tables in which nothing is counted or shown")


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        previews = {study.study.id: (study, previewed(site, study)) for study in chosen_studies(site, chosen)}
    if chosen.bytes and len(previews) > 1:
        print("--bytes writes one report: choose the study with --study", file=sys.stderr)
        return 2
    for study, preview in previews.values():
        if chosen.bytes:
            with chosen.bytes.open("xb") as file:
                file.write(preview.report.to_bytes())
        if not chosen.json:
            _show(study, preview, everything=chosen.all)
    if chosen.json:
        print(json.dumps({name: _as_json(preview) for name, (_, preview) in previews.items()}, indent=2))
    return 0


def previewed(site: Site, at_site: StudyAtSite) -> Preview:
    """What a release at the next grid point would give, with what the last finished scan found."""
    contributions, facts = site.contributions(at_site), site.facts(at_site)
    return at_site.domain.preview(contributions, facts, site.grid_point(at_site) + 1)


def _show(at_site: StudyAtSite, preview: Preview, *, everything: bool) -> None:
    console = Console()
    policy = at_site.settings.policy
    moment = policy.grid.moment(preview.grid_point)
    console.print(f"[bold]Study {at_site.study.id}[/], grid point of {moment:%Y-%m-%d %H:%MZ}", highlight=False)
    console.print(f"Policy {policy.preset}: {policy.parameters}", highlight=False)
    if preview.frozen:
        activity = preview.report.report.activity.upper()
        console.print(f"{activity}: {preview.frozen}. No number moves.", style="bold red", markup=False)
    for why in preview.why_held:
        console.print(f"held: {why}", markup=False)
    table = Table("table", "cell", "shown now", "shown next", "exact (stays here)", "why", box=None, pad_edge=False)
    for each in preview.tables:
        if everything or each.exact or each.now or each.next:
            _add(table, each)
    console.print(table)
    console.print(f"The report would be {len(preview.report.to_bytes())} bytes; write it with --bytes FILE.", highlight=False)


def _add(table: Table, preview: TablePreview) -> None:
    now, following = dict(preview.now), dict(preview.next)
    cells = sorted({*now, *following, *preview.exact})
    for place, cell in enumerate(cells or [()]):
        table.add_row(
            str(preview.key) if place == 0 else "",
            " x ".join(cell) or "patients",
            _number(now.get(cell)),
            _number(following.get(cell)),
            str(preview.exact.get(cell, 0)),
            SITUATIONS[preview.situation] if place == 0 else "",
        )


def _number(value: int | None) -> str:
    return "–" if value is None else str(value)


def _as_json(preview: Preview) -> dict[str, Any]:
    return {
        "grid_point": preview.grid_point,
        "frozen": preview.frozen,
        "report": json.loads(preview.report.to_bytes()),
        "tables": [
            {
                "table": str(each.key),
                "situation": each.situation,
                "now": {" x ".join(cell): value for cell, value in each.now},
                "next": {" x ".join(cell): value for cell, value in each.next},
                "exact_stays_here": {" x ".join(cell): value for cell, value in each.exact.items()},
            }
            for each in preview.tables
        ],
    }
