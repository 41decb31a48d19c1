"""list the cases behind a number, by the identifiers of your own systems

missing      on the roster, images due, none found       unexpected   images found, not on the roster
overdue      a time point of the protocol has passed without images of it
unsegmented  images, no segmentation of the study         empty        a structure of the study missing or empty
failed       the patient's latest job failed              stuck        it runs for longer than the study allows

Identifiers are read anew from the sources and stored nowhere. The list names patients: it is for the
staff of this hospital and must not be passed on, not even to the study's centre.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Set
from typing import Any

from studyscope_exporter.collectors.cases import CASES, Case
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.site import Site
from studyscope_exporter.sources.naming import names_of, patients_of
from studyscope_exporter.sources.roster import RosterSource
from studyscope_exporter.sources.source import SourceUnavailable

WARNING = "NAMES PATIENTS. For the staff of this hospital only; do not pass this on, not even to the study's centre."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("which", choices=list(CASES), metavar="|".join(CASES), help="which cases")
    study_argument(parser)
    parser.add_argument("--json", action="store_true", help="machine-readable")


def execute(chosen: argparse.Namespace) -> int:
    listed: dict[str, list[dict[str, str]]] = {}
    with opened_site(chosen) as site:
        if not site.has_finished_scan():
            print("no scan has finished yet; run: studyscope-exporter scan", file=sys.stderr)
            return 1
        for study in chosen_studies(site, chosen):
            records = site.records(study)
            if chosen.which in ("missing", "unexpected") and records.roster is None:
                print(f"study {study.study.id} has no roster; add a source of kind roster to the site file", file=sys.stderr)
                return 1
            listed[study.study.id] = _lines(site, list(CASES[chosen.which](records)))
    print(WARNING, file=sys.stderr)
    if chosen.json:
        print(json.dumps({"warning": WARNING, "cases": chosen.which, "studies": listed}, indent=2))
    else:
        _show(chosen.which, listed)
    return 0


def _lines(site: Site, cases: list[Case]) -> list[dict[str, str]]:
    places = {case.key: site.inventory.place_of(case.table, case.key) for case in cases if case.table != "patient"}
    names = names_of([place for place in places.values() if place is not None], site.inventory, site.sources)
    patients = _patients(site, {case.patient for case in cases})
    lines = []
    for case in cases:
        place = places.get(case.key)
        where, number = (names.get(place.number, ""), f"#{place.number}") if place else ("", "")
        lines.append({"patient": patients.get(case.patient, ""), "what": case.what, "where": where, "number": number})
    return sorted(lines, key=lambda line: (line["patient"], line["where"], line["what"]))


def _patients(site: Site, wanted: Set[bytes]) -> Mapping[bytes, str]:
    """PatientIDs as their first images state them, else as the roster does."""
    places = {patient: site.inventory.place_of("patient", patient) for patient in wanted}
    named = patients_of([place for place in places.values() if place is not None], site.inventory, site.sources)
    found = {patient: named.get(place.number, "") for patient, place in places.items() if place is not None}
    return {**(_roster_names(site) if not wanted <= found.keys() else {}), **found}


def _roster_names(site: Site) -> Mapping[bytes, str]:
    names: dict[bytes, str] = {}
    for source in site.sources:
        if isinstance(source, RosterSource):
            try:
                names |= {key: one.patient_id for key, one in source.patients().items()}
            except SourceUnavailable as problem:
                print(f"source {source.name}: {problem}", file=sys.stderr)
    return names


def _show(which: str, listed: Mapping[str, list[dict[str, Any]]]) -> None:
    for study, lines in listed.items():
        print(f"study {study}: {len(lines)} {which}")
        for line in lines:
            print("  " + "  ".join(text for text in (line["patient"], line["what"], line["where"], line["number"]) if text))
