"""The studies of a site file, and the client for the centre of each."""

from __future__ import annotations

from pathlib import Path

from studyscope_contract.yaml_file import FileProblem, Problem
from studyscope_exporter.delivery.push import CentreClient
from studyscope_exporter.settings import Centre, SiteSettings, StudySettings, read_study_file


def named_study(settings: SiteSettings, study: str, site_file: Path) -> StudySettings:
    """The settings of the study with this id; raises FileProblem, which names those that there are."""
    found = {read_study_file(one.study_file).id: one for one in settings.studies}
    if study not in found:
        there = f"no study {study!r} here; there are: {', '.join(sorted(found))}"
        raise FileProblem(site_file, [Problem(1, "studies", there)])
    return found[study]


def client_of(centre: Centre) -> CentreClient:
    return CentreClient(
        centre.url,
        ca_file=centre.ca_file,
        proxy=centre.proxy,
        timeout_seconds=centre.timeout_seconds,
        keys=centre.verifying,
    )
