"""`studyscope-dashboards alertmanager`: who is mailed what, written once or kept up to date."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from studyscope_contract.mail_choices import CHOICES_FILE, MailChoices
from studyscope_contract.mail_link import LinkSecret
from studyscope_contract.study import Study
from studyscope_contract.yaml_file import read_yaml
from studyscope_dashboards.alertmanager import MailTiming, Smtp, alertmanager_config, write_alertmanager_config
from studyscope_dashboards.following import Alertmanager, follow
from studyscope_dashboards.mail_templates import write_mail_templates
from studyscope_dashboards.personal_mails import PersonalMails
from studyscope_dashboards.registry_contacts import CONTACTS_FILE, contacts_in


def alertmanager_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--study", type=Path, action="append", required=True, metavar="FILE", help="study file, or a folder of them; repeatable"
    )
    parser.add_argument("--sites", type=Path, required=True, metavar="FILE", help="the registry's sites.yaml, for site contacts")
    parser.add_argument("--coordinator", action="append", required=True, metavar="MAIL", help="who gets every mail; repeatable")
    parser.add_argument("--smtp", required=True, metavar="HOST:PORT", help="mail server")
    parser.add_argument("--sender", required=True, metavar="MAIL", help="who the mails come from")
    parser.add_argument("--smtp-user", metavar="NAME")
    parser.add_argument("--smtp-password-file", metavar="FILE", help="read by Alertmanager itself")
    parser.add_argument("--smtp-without-tls", action="store_true", help="for a mail server on this machine only")
    parser.add_argument("--grafana", required=True, metavar="URL", help="where the mails' dashboard links lead")
    parser.add_argument("--runbooks", required=True, metavar="URL", help="the folder that serves runbooks.html")
    parser.add_argument("--links", metavar="URL", help="the centre's address, for the links by which readers stop mails")
    parser.add_argument("--link-secret", type=Path, metavar="FILE", help="the centre file's mail_links; needed with --links")
    parser.add_argument("--watchdog", metavar="URL", help="webhook that hears every 5 minutes that alerts still arrive")
    parser.add_argument("--repeat", default="168h", help="how often an alert that goes on is mailed again (default weekly)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the alertmanager.yml to write")
    parser.add_argument(
        "--follow",
        metavar="URL",
        help="stay, and have the Alertmanager at URL read the file again whenever studies, contacts or choices changed",
    )
    parser.set_defaults(run=_alertmanager)


def _alertmanager(chosen: argparse.Namespace) -> int:
    if bool(chosen.links) != bool(chosen.link_secret):
        print("--links and --link-secret belong together: name both or none", file=sys.stderr)
        return 2
    if not chosen.follow:
        _write(chosen, dt.datetime.now(dt.UTC).date())
        return 0
    follow(
        lambda today: _write(chosen, today),
        lambda: list(_read_files(chosen)),
        Alertmanager(chosen.follow),
        now=lambda: dt.datetime.now(dt.UTC),
        wait=time.sleep,
    )
    return 0


def _read_files(chosen: argparse.Namespace) -> Iterator[Path]:
    yield from _study_files(chosen.study)
    yield chosen.sites
    yield chosen.sites.with_name(CONTACTS_FILE)
    yield _choices_file(chosen)


def _study_files(named: Sequence[Path]) -> list[Path]:
    return [file for path in named for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]


def _choices_file(chosen: argparse.Namespace) -> Path:
    folder: Path = chosen.sites.parent
    return folder / CHOICES_FILE


def _write(chosen: argparse.Namespace, today: dt.date) -> bool:
    """Writes what differs and says whether anything did. Raises FileProblem, ContactsProblem, LinkProblem."""
    out: Path = chosen.out
    studies = [read_yaml(path, Study) for path in _study_files(chosen.study)]
    smtp = Smtp(
        chosen.smtp,
        chosen.sender,
        require_tls=not chosen.smtp_without_tls,
        username=chosen.smtp_user,
        password_file=chosen.smtp_password_file,
    )
    templates = write_mail_templates(out.parent, chosen.grafana, chosen.runbooks)
    config = alertmanager_config(
        studies,
        contacts_in(chosen.sites, chosen.coordinator),
        smtp,
        MailTiming(repeat=chosen.repeat),
        template_files=[path.name for path in templates],  # relative to alertmanager.yml, so that the folder can be moved
        watchdog=chosen.watchdog,
        personal=_personal(chosen, studies, today),
    )
    if out.exists() and out.read_text(encoding="utf-8") == config:
        return False
    write_alertmanager_config(out, config)
    return True


def _personal(chosen: argparse.Namespace, studies: Sequence[Study], today: dt.date) -> PersonalMails | None:
    if not chosen.links:
        return None
    choices = MailChoices.read(_choices_file(chosen))
    personal = PersonalMails(chosen.links, LinkSecret.load(chosen.link_secret), choices, today)
    for study in studies:
        if not any(personal.wanted(mail, study.id) for mail in chosen.coordinator):
            print(f"every coordinator stopped the mails about {study.id}: only its leads and sites are told", file=sys.stderr)
    return personal
