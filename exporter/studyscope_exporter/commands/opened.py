"""What several commands do first: read the site file, open the site, pick studies."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from studyscope_contract.yaml_file import FileProblem, Problem
from studyscope_exporter.clock import Clock, SystemClock
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site, StudyAtSite


@contextmanager
def opened_site(chosen: argparse.Namespace, clock: Clock | None = None) -> Iterator[Site]:
    with Site(read_site_file(chosen.config), clock or SystemClock()) as site:
        yield site


def study_argument(parser: argparse.ArgumentParser, help: str = "only this study (default: every study of the site)") -> None:
    parser.add_argument("--study", metavar="ID", help=help)


def chosen_studies(site: Site, chosen: argparse.Namespace) -> list[StudyAtSite]:
    studies = [study for study in site.studies if chosen.study in (None, study.study.id)]
    if not studies:
        known = ", ".join(study.study.id for study in site.studies)
        raise FileProblem(chosen.config, [Problem(1, "studies", f"no study {chosen.study!r} here; there are: {known}")])
    return studies
