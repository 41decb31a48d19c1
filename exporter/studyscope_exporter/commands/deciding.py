"""What the commands for decisions about a whole study have in common: choose, confirm, do, say when it is seen."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.decision import Decision
from studyscope_exporter.site import Site, StudyAtSite


def decision_arguments(parser: argparse.ArgumentParser, *, final: bool) -> None:
    study_argument(parser, help="the study (needed where the site has several)")
    parser.add_argument("--because", default="", metavar="TEXT", help="why; it stays in this site's ledger. No names of patients")
    if final:
        parser.add_argument("--confirm", metavar="ID", help="the study's id once more, in the place of the question")
    else:
        parser.add_argument("--yes", action="store_true", help="do not ask")


def decide(chosen: argparse.Namespace, decision: Decision, consequences: Sequence[str]) -> int:
    """Asks, and does it. What cannot be undone is confirmed with the study's id."""
    with opened_site(chosen) as site:
        if chosen.study is None and len(site.studies) > 1:
            print("this site has several studies: say which one with --study ID", file=sys.stderr)
            return 2
        (at_site,) = chosen_studies(site, chosen)
        print("\n".join(consequences))
        if not _confirmed(chosen, at_site.study.id):
            print("nothing was done")
            return 1
        at_site.domain.decide(decision, site.clock.now().date(), chosen.because)
        print(f"done; it is in the ledger. The centre is told with the report of {_next_report(site, at_site)}")
    return 0


def _confirmed(chosen: argparse.Namespace, study: str) -> bool:
    if "yes" in chosen:
        return chosen.yes or input(f"Do this to study {study}? Type yes: ").strip().lower() == "yes"
    said = chosen.confirm if chosen.confirm is not None else input("This cannot be undone. Type the study's id to go on: ")
    return bool(said.strip() == study)


def _next_report(site: Site, at_site: StudyAtSite) -> str:
    grid, last = at_site.settings.policy.grid, at_site.domain.status().last_grid_point
    now = site.grid_point(at_site)
    return f"{grid.moment(now if last is None or last < now else site.next_grid_point(at_site)):%Y-%m-%d %H:%MZ}"
