"""show the exact local tables, to hold against your own records

The numbers are exact and must not be passed on: they are for the staff of this hospital.
They are counted from the last finished scan. Nothing is stored and nothing leaves the site.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping

from studyscope_contract.catalogue import TABLES
from studyscope_contract.metric import Kind, Table
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.contributions import Cell, Contributions
from studyscope_exporter.disclosure.crossing import crossings_of_patients

WARNING = "EXACT NUMBERS. For the staff of this hospital only; do not pass them on, not even to the study's centre."

Counts = dict[str, dict[str, int]]


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser)
    parser.add_argument("--table", metavar="ID", help="only this table, for example sex or structure_volume:liver")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        counted = {}
        for study in chosen_studies(site, chosen):
            contributions = site.contributions(study)
            if contributions is None:
                print("no scan has finished yet; run: studyscope-exporter scan", file=sys.stderr)
                return 1
            crossings = crossings_of_patients(contributions.tables, study.study, study.settings.policy)
            counted[study.study.id] = exact_counts(Contributions({**contributions.tables, **crossings}), chosen.table)
    print(WARNING, file=sys.stderr)
    if chosen.json:
        print(json.dumps({"warning": WARNING, "studies": counted}, indent=2))
    else:
        _show(counted)
    return 0


def exact_counts(contributions: Contributions, only: str | None = None) -> Counts:
    """Patients per cell of every table (or of `only`), by the table's name and the cell's codes."""
    wanted = {key: patients for key, patients in contributions.tables.items() if only in (None, str(key), key.table)}
    return {str(key): _cells(TABLES[key.table], patients) for key, patients in sorted(wanted.items())}


def _cells(table: Table, patients: Mapping[bytes, frozenset[Cell]]) -> dict[str, int]:
    counts = Counter(cell for cells in patients.values() for cell in cells)
    if table.kind is Kind.MAGNITUDE:
        return {"sum": sum(int(amount) * count for (amount,), count in counts.items())}
    places = {code: number for dimension in table.dimensions for number, code in enumerate(dimension.codes)}
    in_order = sorted(counts.items(), key=lambda one: [(places.get(code, len(places)), code) for code in one[0]])
    return {" x ".join(cell) or "patients": count for cell, count in in_order}


def _show(counted: dict[str, Counts]) -> None:
    for study, tables in counted.items():
        print(f"study {study}")
        for table, cells in tables.items():
            if not cells:
                continue
            print(f"  {table}")
            for cell, count in cells.items():
                print(f"    {_in_words(table, cell):<28} {count:>8}")
        if empty := [table for table, cells in tables.items() if not cells]:
            print(f"  nothing was found for: {', '.join(empty)}")


def _in_words(table: str, cell: str) -> str:
    """A histogram's cell is named by its upper edge."""
    if TABLES[table.partition(":")[0]].kind is not Kind.HISTOGRAM:
        return cell
    return "more" if cell == "+Inf" else f"up to {cell.removesuffix('.0')}"
