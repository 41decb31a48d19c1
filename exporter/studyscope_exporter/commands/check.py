"""go through settings, keys, folders, sources and the centre, and say what to do

Reads nothing of a patient and changes nothing. Exit code 1 when something must be done first.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from studyscope_contract.amount import amount
from studyscope_exporter.checking.enrolment import enrolment
from studyscope_exporter.checking.line import line_to
from studyscope_exporter.checking.state_folder import MOUNTS, state_folder
from studyscope_exporter.clock import Clock, SystemClock
from studyscope_exporter.delivery.push import NotDelivered
from studyscope_exporter.disclosure.errors import DisclosureError
from studyscope_exporter.identity import IdentityProblem, SiteIdentity
from studyscope_exporter.mail_server import MailNotSent, try_server
from studyscope_exporter.mail_settings import MailSettings
from studyscope_exporter.settings import SiteSettings, read_site_file
from studyscope_exporter.site import Site, StudyAtSite
from studyscope_exporter.sources.source import Finding
from studyscope_exporter.waiting_words import tables_waiting


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--offline", action="store_true", help="do not try to reach the centre or the mail server")


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
    sources, studies = amount(len(settings.sources), "source"), amount(len(settings.studies), "study", "studies")
    yield Finding(True, f"{path}: site {settings.site}, {sources}, {studies}")
    yield from state_folder(settings.state, MOUNTS.read_text(encoding="utf-8") if MOUNTS.exists() else "")
    clock = SystemClock()
    lines = [*_lines(settings, clock)] if reach else []
    try:
        fingerprint = SiteIdentity.load(settings.keys).signing_key.public.fingerprint
        yield Finding(True, f"keys in {settings.keys}; the centre must know the fingerprint {fingerprint}")
        with Site(settings, clock) as site:
            yield from _site(site, reach=reach and all(finding.ok for finding in lines))
    except (IdentityProblem, DisclosureError) as problem:
        yield Finding(False, str(problem))
    yield from lines
    if settings.mail is not None and reach:
        yield _mail(settings.mail)


def _mail(mail: MailSettings) -> Finding:
    try:
        try_server(mail)
    except MailNotSent as problem:
        return Finding(False, str(problem))
    how = {"starttls": "by STARTTLS", "tls": "by TLS", "none": "unencrypted"}[mail.encryption]
    who = f"as {mail.user}" if mail.user else "without a login"
    return Finding(True, f"the mail server {mail.host}:{mail.port} answers {how}, {who}; no mail was sent")


def _site(site: Site, *, reach: bool) -> Iterator[Finding]:
    if site.cluster:
        yield from site.cluster.check()
    for source in site.sources:
        yield from (Finding(found.ok, f"source {source.name}: {found.message}") for found in source.check())
    if not site.sources:
        yield Finding(False, "no source is named: add one under `sources`, else there is nothing to count")
    for study in site.studies:
        yield from _study(site, study)
        if study.settings.centre.delivery == "fetched":
            yield _what_the_visitor_said(site, study)
            yield from _what_the_visitor_brought(site, study)
        elif reach:
            yield from _enrolment(site, study)


def _study(site: Site, at_site: StudyAtSite) -> Iterator[Finding]:
    study, policy = at_site.study, at_site.settings.policy
    numbers = policy.parameters
    yield Finding(
        True,
        f"study {study.id} version {study.version}: policy {policy.preset}, numbers in multiples of "
        f"{numbers.b}, nothing under {numbers.s}, nothing moves for fewer than {numbers.m} people",
    )
    if study.site(site.settings.site) is None:
        yield Finding(False, f"study {study.id} does not name site {site.settings.site}: ask its coordinator to add it")
    waiting = at_site.domain.pending_approvals()
    if waiting:
        yield Finding(False, f"study {study.id}: {tables_waiting(len(waiting))}; see preview, then approve")
    if frozen := at_site.domain.status().frozen:
        yield Finding(False, f"study {study.id} is frozen: {frozen}; see docs/troubleshooting.md, 'frozen'")


def _lines(settings: SiteSettings, clock: Clock) -> Iterator[Finding]:
    """Each centre once, however many studies go there."""
    for centre in dict.fromkeys(study.centre for study in settings.studies):
        if centre.delivery == "push":
            yield from line_to(centre, clock.now(), os.environ)
        elif settings.fetched is not None:
            place = settings.fetched
            where = str(place.socket) if place.socket else f"{place.address}, TCP port {place.port}"
            yield Finding(
                True, f"the centre {centre.url} fetches what waits from {where} while `run` runs; nothing is sent to it"
            )


def _what_the_visitor_said(site: Site, at_site: StudyAtSite) -> Finding:
    """Of a centre that fetches, and cannot be asked."""
    key, study = site.identity.signing_key.public.fingerprint, at_site.study.id
    answer = site.key_requests(at_site).answer(key)
    if answer is not None:
        return Finding(answer.state == "accepted", f"study {study}: our key {key} is {answer.state}: {answer.message}")
    if at_site.outbox.last_delivered() is not None:
        return Finding(True, f"study {study}: the centre has our report {at_site.outbox.last_delivered()}")
    words = f"study {study}: the centre has said nothing of our key {key} yet: run enrol {study}, leave `run` running, call them"
    return Finding(False, words)


def _what_the_visitor_brought(site: Site, at_site: StudyAtSite) -> Iterator[Finding]:
    study, version = at_site.study, site.brought_study(at_site).version()
    if version > study.version:
        yield Finding(
            True, f"study {study.id}: the centre brought version {version} of the study file; see study diff {study.id}"
        )


def _enrolment(site: Site, at_site: StudyAtSite) -> Iterator[Finding]:
    client = site.client(at_site)
    try:
        key = site.identity.signing_key.public.fingerprint
        yield from enrolment(client, site.settings.site, at_site.study, key, at_site.domain.status().sequence)
    except NotDelivered as problem:
        yield Finding(False, str(problem))
    finally:
        client.close()
