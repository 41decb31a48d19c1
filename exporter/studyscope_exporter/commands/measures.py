"""show exact measures of results: Dice, radial errors, sensitivity, calibration

They are counted from the last finished scan for the staff of this hospital. Nothing is stored and nothing leaves the site.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from studyscope_contract.metric import TableKey
from studyscope_exporter.collectors.local_measures import local_measures
from studyscope_exporter.collectors.measure import Measure
from studyscope_exporter.commands.count import WARNING
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser)
    parser.add_argument("--json", action="store_true", help="machine-readable")


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        measured = {}
        for study in chosen_studies(site, chosen):
            contributions = site.contributions(study)
            if contributions is None:
                print("no scan has finished yet; run: studyscope-exporter scan", file=sys.stderr)
                return 1
            # Who withdrew is in no table, and in no measure either.
            admitted = contributions.tables[TableKey("population")].keys()
            measured[study.study.id] = local_measures(site.records(study), frozenset(admitted))
    print(WARNING, file=sys.stderr)
    if chosen.json:
        studies = {study: [asdict(measure) for measure in measures] for study, measures in measured.items()}
        print(json.dumps({"warning": WARNING, "studies": studies}, indent=2))
    else:
        _show(measured)
    return 0


def _show(measured: dict[str, list[Measure]]) -> None:
    for study, measures in measured.items():
        if not measures:
            print(f"study {study}: nothing is measured yet; docs/outcomes.md says which sources bring what to measure by")
            continue
        table = Table("of", "measure", "patients", "value", title=f"study {study}", title_justify="left")
        for measure in measures:
            table.add_row(measure.subject, measure.name, str(measure.patients), f"{measure.value:.3g}")
        Console().print(table)
