"""go through settings, keys, folders, sources and the centre, and say what to do

Reads nothing of a patient and changes nothing. Exit code 1 when something must be done first.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from studyscope_exporter.clock import SystemClock
from studyscope_exporter.identity import SiteIdentity
from studyscope_exporter.settings import SiteSettings, read_site_file
from studyscope_exporter.site import Site
from studyscope_exporter.sources.source import Finding


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--offline", action="store_true", help="do not try to reach the centre")


def execute(chosen: argparse.Namespace) -> int:
    console, good = Console(), True
    settings = read_site_file(chosen.config)
    findings = _everything(chosen.config, settings, reach=not chosen.offline)
    for finding in findings:
        good = good and finding.ok
        console.print("[green]ok[/]   " if finding.ok else "[red bold]to do[/]", end=" ")
        console.print(finding.message, markup=False, highlight=False)
    console.print("Everything is ready." if good else "Do what is marked 'to do', then run check again.")
    return 0 if good else 1


def _everything(path: Path, settings: SiteSettings, *, reach: bool) -> Iterator[Finding]:
    yield Finding(True, f"{path}: site {settings.site}, {len(settings.sources)} sources, {len(settings.studies)} studies")
    yield _state_folder(settings.state)
    fingerprint = SiteIdentity.load(settings.keys).signing_key.public.fingerprint
    yield Finding(True, f"keys in {settings.keys}; the centre must know the fingerprint {fingerprint}")
    with Site(settings, SystemClock()) as site:
        for source in site.sources:
            yield from (Finding(found.ok, f"source {source.name}: {found.message}") for found in source.check())
        for study in site.studies:
            policy = study.settings.policy
            numbers = policy.parameters
            yield Finding(
                True,
                f"study {study.study.id} version {study.study.version}: policy {policy.preset}, numbers in multiples of "
                f"{numbers.b}, nothing under {numbers.s}, nothing moves for fewer than {numbers.m} people",
            )
            if study.study.site(settings.site) is None:
                yield Finding(False, f"study {study.study.id} does not name site {settings.site}: ask its coordinator to add it")
            waiting = study.domain.pending_approvals()
            if waiting:
                yield Finding(
                    False, f"study {study.study.id}: {len(waiting)} tables wait for an approver; see preview, then approve"
                )
            if reach:
                yield _centre(site, study.settings.centre.url, study.settings.study_file)


def _state_folder(state: Path) -> Finding:
    where = state if state.exists() else state.parent
    if not os.access(where, os.W_OK):
        return Finding(False, f"state folder {state} cannot be written: give it to the user that runs the exporter")
    return Finding(True, f"state folder {state} can be written")


def _centre(site: Site, url: str, study_file: Path) -> Finding:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    study = next(study for study in site.studies if study.settings.study_file == study_file)
    client = site.client(study)
    try:
        problem = client.reachable()
    finally:
        client.close()
    firewall = f"outbound TCP from this machine to {parts.hostname}, port {port}; nothing inbound"
    if problem:
        return Finding(False, f"{problem}. For the firewall form: {firewall}")
    return Finding(True, f"the centre {url} answers ({firewall})")
