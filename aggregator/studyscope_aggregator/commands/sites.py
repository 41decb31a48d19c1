"""sites and their keys: list, show, import, accept, refuse, prolong, rotate, revoke

`studyscope-exporter enrol` at a site sends its key here; with --file it writes a request that `import`
reads, and `fetch` brings those of sites that may only be fetched from. Call the site, let them read their
fingerprint to you, and accept exactly that one. A running centre follows within a second.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from studyscope_aggregator.administration import actor_argument, steps_of, tell
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.enrolled import EnrolledKeys
from studyscope_aggregator.enrolment_requests import EnrolmentRequests, RequestRefused
from studyscope_aggregator.registered_sites import RegisteredSite, SiteKey
from studyscope_aggregator.registry import Registry, load_registry
from studyscope_aggregator.settings import CentreSettings
from studyscope_contract.amount import amount
from studyscope_contract.enrolment import EnrolmentRequest
from studyscope_contract.keys import KeyProblem, VerifyingKey
from studyscope_contract.yaml_file import FileProblem, Problem

SOON = dt.timedelta(days=60)


STEPS = {
    "list": "every site of every study, its key, and what waits",
    "show": "every key of one site",
    "import": "put a request that a site wrote into a file (enrol --file) among those that wait",
    "accept": "let a key that waits sign reports",
    "refuse": "do not accept a key that waits",
    "prolong": "let a key that was accepted sign for longer",
    "rotate": "accept a key that waits, and end the site's others after the overlap",
    "revoke": "take nothing that a key signed any more, from now on",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    steps = steps_of(parser, STEPS)
    steps["import"].add_argument("file", type=Path, metavar="FILE", help="what studyscope-exporter enrol --file wrote")
    for name in ("show", "accept", "refuse", "prolong", "rotate", "revoke"):
        steps[name].add_argument("site")
    for name in ("accept", "refuse", "prolong", "rotate", "revoke"):
        steps[name].add_argument("fingerprint", help="as the site read it to you")
        actor_argument(steps[name])
    for name in ("accept", "prolong", "rotate"):
        steps[name].add_argument(
            "--days", type=int, default=365, help="how long from today the key is valid (default: %(default)s)"
        )
    for name in ("refuse", "revoke"):
        steps[name].add_argument("--why", required=True, help="for the audit log")
    overlap = "how long the others stay valid (default: %(default)s)"
    steps["rotate"].add_argument("--overlap-days", type=int, default=30, help=overlap)


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    registry, now = load_registry(settings.registry), SystemClock().now()
    if chosen.step == "list":
        _list(registry, EnrolmentRequests(settings.registry), now.date())
    elif chosen.step == "show":
        _show(_site(registry, chosen.site), now.date())
    elif chosen.step == "import":
        return _import(chosen.file, EnrolmentRequests(settings.registry), registry, now.date())
    elif chosen.step == "revoke":
        _revoke(settings.registry, registry, chosen, now)
    elif chosen.step == "prolong":
        _prolong(settings.registry, registry, chosen, now)
    elif chosen.step == "refuse":
        _refuse(settings.registry, chosen, now)
    else:
        _accept(settings.registry, registry, chosen, now)
    return 0


def _list(registry: Registry, requests: EnrolmentRequests, today: dt.date) -> None:
    table = Table("study", "site", "name", "key", "stands", box=None)
    waiting = requests.waiting()
    for file in registry.studies.values():
        for site in file.study.sites:
            registered = registry.sites.get(site.id)
            keys = [key for key in registered.keys if key.is_valid(today)] if registered else []
            for key in keys:
                table.add_row(file.study.id, site.id, site.name, key.verifying.fingerprint, _standing(key, today))
            for asked in (one for one in waiting if one.site == site.id):
                table.add_row(file.study.id, site.id, site.name, asked.verifying.fingerprint, _waits(asked, registered, today))
            if not keys and all(one.site != site.id for one in waiting):
                table.add_row(file.study.id, site.id, site.name, "none", "cannot report: it has to run studyscope-exporter enrol")
    Console().print(table)


def _import(file: Path, requests: EnrolmentRequests, registry: Registry, today: dt.date) -> int:
    try:
        asked = EnrolmentRequest.model_validate_json(file.read_bytes())
    except OSError as error:
        raise FileProblem(file, [Problem(0, "", f"cannot be read: {error.strerror}")]) from None
    except ValidationError:
        words = "is no request for a key: the site writes one with studyscope-exporter enrol STUDY --file FILE"
        raise FileProblem(file, [Problem(0, "", words)]) from None
    try:
        answer = requests.take(asked, registry, today)
    except RequestRefused as refused:
        raise KeyProblem(f"{file}: {refused}") from None
    print(f"site {asked.site}, study {asked.study}: key {answer.fingerprint} is {answer.state}")
    if answer.state == "waiting":
        print(f"Call the site, let them read their fingerprint to you, then: sites accept {asked.site} FINGERPRINT")
    return 0


def _show(site: RegisteredSite, today: dt.date) -> None:
    print(f"{site.id}, registered {site.registered}")
    for key in site.keys:
        print(f"  {key.verifying.fingerprint}  from {key.valid_from} until {key.valid_until}  {_standing(key, today)}")
        print(f"    {key.key}")
    for contact in site.contacts:
        print(f"  {contact.role.replace('_', ' ')}: {contact.name}, {contact.mail}")


def _waits(asked: EnrolmentRequest, site: RegisteredSite | None, today: dt.date) -> str:
    if asked.change is None:
        return "WAITS: call, compare, accept"
    old = VerifyingKey(asked.change.old).fingerprint
    if _vouched(asked, site, today):
        return f"WAITS, signed for by {old}: call, compare, rotate"
    why = asked.change.because or "it is not valid here"
    return f"WAITS to follow {old}, which did not sign ({why}): call, compare, revoke, accept"


def _vouched(asked: EnrolmentRequest, site: RegisteredSite | None, today: dt.date) -> bool:
    """Whether a key of the site that is valid today signed for the one that waits."""
    old = None if site is None or asked.change is None else site.key(VerifyingKey(asked.change.old).fingerprint)
    return old is not None and old.is_valid(today) and asked.change is not None and asked.change.is_vouched


def _standing(key: SiteKey, today: dt.date) -> str:
    if key.revoked is not None:
        return f"revoked {key.revoked:%Y-%m-%d %H:%MZ}: {key.revoked_why}"
    if key.valid_until < today:
        return "expired"
    left = (key.valid_until - today).days
    return f"ends in {amount(left, 'day')}: see sites prolong" if left <= SOON.days else f"valid until {key.valid_until}"


def _accept(folder: Path, registry: Registry, chosen: argparse.Namespace, now: dt.datetime) -> None:
    asked, today = _waiting(folder, chosen), now.date()
    enrolled, until = EnrolledKeys(folder), today + dt.timedelta(days=chosen.days)
    others = registry.sites[asked.site].keys if asked.site in registry.sites else ()
    if chosen.step == "rotate" and others and not _vouched(asked, registry.sites[asked.site], today):
        raise KeyProblem(
            f"no valid key of site {asked.site} signed for {chosen.fingerprint}. Did the site run key new? If its old key was "
            "stolen or lost, be sure whom you talk to, then: sites revoke the old one, sites accept this one"
        )
    if chosen.step == "rotate":
        for key in others:
            if key.is_valid(today):
                enrolled.end(asked.site, key, today + dt.timedelta(days=chosen.overlap_days), today)
    enrolled.accept(asked, today, until)
    EnrolmentRequests(folder).done(asked)
    facts = {"site": asked.site, "study": asked.study, "key": chosen.fingerprint, "until": until.isoformat()}
    tell(folder, chosen, now, f"sites {chosen.step}", **facts)
    print(f"site {asked.site} may report with key {chosen.fingerprint} until {until}")
    if chosen.step == "rotate" and others:
        print(f"its other keys end on {today + dt.timedelta(days=chosen.overlap_days)} at the latest")


def _refuse(folder: Path, chosen: argparse.Namespace, now: dt.datetime) -> None:
    asked = _waiting(folder, chosen)
    EnrolmentRequests(folder).refuse(asked)
    tell(folder, chosen, now, "sites refuse", site=asked.site, study=asked.study, key=chosen.fingerprint, why=chosen.why)
    print(f"key {chosen.fingerprint} is refused; the site is told when it asks")


def _prolong(folder: Path, registry: Registry, chosen: argparse.Namespace, now: dt.datetime) -> None:
    key, until = _key(registry, chosen), now.date() + dt.timedelta(days=chosen.days)
    if key.revoked is not None:
        raise KeyProblem(f"key {chosen.fingerprint} was revoked, and that is never taken back: the site needs a new one")
    if until <= key.valid_until:
        raise KeyProblem(f"key {chosen.fingerprint} is valid until {key.valid_until} already; say more --days")
    EnrolledKeys(folder).prolong(chosen.site, key, until, now.date())
    tell(folder, chosen, now, "sites prolong", site=chosen.site, key=chosen.fingerprint, until=until.isoformat())
    print(f"site {chosen.site} may report with key {chosen.fingerprint} until {until}")


def _revoke(folder: Path, registry: Registry, chosen: argparse.Namespace, now: dt.datetime) -> None:
    key = _key(registry, chosen)
    EnrolledKeys(folder).revoke(chosen.site, key, now, chosen.why)
    tell(folder, chosen, now, "sites revoke", site=chosen.site, key=chosen.fingerprint, why=chosen.why)
    print(f"nothing that key {chosen.fingerprint} signed is taken any more")
    print("Reports that it signed before stay in the totals; if one of them may be false, see retract.")


def _waiting(folder: Path, chosen: argparse.Namespace) -> EnrolmentRequest:
    requests = EnrolmentRequests(folder)
    asked = requests.one(chosen.site, chosen.fingerprint)
    if asked is None:
        there = ", ".join(one.verifying.fingerprint for one in requests.waiting() if one.site == chosen.site) or "none"
        raise KeyProblem(f"no key {chosen.fingerprint} of site {chosen.site} waits; there waits: {there}")
    return asked


def _key(registry: Registry, chosen: argparse.Namespace) -> SiteKey:
    key = _site(registry, chosen.site).key(chosen.fingerprint)
    if key is None:
        raise KeyProblem(f"site {chosen.site} has no key {chosen.fingerprint}: see sites show {chosen.site}")
    return key


def _site(registry: Registry, name: str) -> RegisteredSite:
    site = registry.sites.get(name)
    if site is None:
        raise KeyProblem(f"site {name} has no key here; sites that have: {', '.join(sorted(registry.sites)) or 'none'}")
    return site
