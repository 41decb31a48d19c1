"""The studies of a site file, and the client for the centre of each."""

from __future__ import annotations

from pathlib import Path

from studyscope_contract.yaml_file import FileProblem, Problem
from studyscope_exporter.delivery.push import CentreClient
from studyscope_exporter.delivery.trust import Trust
from studyscope_exporter.settings import Centre, SiteSettings, StudySettings, read_study_file


def named_study(settings: SiteSettings, study: str, site_file: Path) -> StudySettings:
    """The settings of the study with this id; raises FileProblem, which names those that there are."""
    found = {read_study_file(one.study_file).id: one for one in settings.studies}
    if study not in found:
        there = f"no study {study!r} here; there are: {', '.join(sorted(found))}"
        raise FileProblem(site_file, [Problem(1, "studies", there)])
    return found[study]


def trust_of(centre: Centre) -> Trust:
    return Trust(centre.ca_file, centre.ca_folder, centre.client_certificate, centre.client_certificate_key)


def client_of(centre: Centre, timeout_seconds: float | None = None) -> CentreClient:
    """Raises FileProblem for a certificate that cannot be used."""
    return CentreClient(
        centre.url,
        proxy=centre.proxy,
        timeout_seconds=timeout_seconds or centre.timeout_seconds,
        trust=trust_of(centre),
        keys=centre.verifying,
    )
