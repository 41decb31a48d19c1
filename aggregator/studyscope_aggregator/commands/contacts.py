"""contacts of sites: list, add, remove; known to this centre only, whatever the study files say

Roles: site_it (hears of technical trouble), study_team, data_protection. The alert routes follow within
seconds where `studyscope-mails` runs, else with the next ./configure.
"""

from __future__ import annotations

import argparse

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from studyscope_aggregator.administration import actor_argument, steps_of, tell
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.registry import Registry, load_registry
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.site_contacts import ROLES, Contact, ContactProblem, SiteContacts

STEPS = {
    "list": "whom to ask at each site",
    "add": "one more person; the same mail in the same role is written over",
    "remove": "somebody is no longer there",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    steps = steps_of(parser, STEPS)
    steps["list"].add_argument("site", nargs="?")
    for name in ("add", "remove"):
        steps[name].add_argument("site")
        steps[name].add_argument("role", choices=ROLES)
        actor_argument(steps[name])
    steps["add"].add_argument("name", help="as 'IT desk' or 'Dr. Doe'")
    for name in ("add", "remove"):
        steps[name].add_argument("mail")


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    registry = load_registry(settings.registry)
    if chosen.step == "list":
        _list(registry, chosen.site)
        return 0
    named = {site.id for file in registry.studies.values() for site in file.study.sites}
    if chosen.site not in named | set(registry.sites) | set(registry.contacts):
        raise ContactProblem(f"no study names a site {chosen.site}; there are: {', '.join(sorted(named))}")
    kept = SiteContacts(settings.registry)
    if chosen.step == "add":
        try:
            kept.add(chosen.site, Contact(role=chosen.role, name=chosen.name, mail=chosen.mail), registry.contacts)
        except ValidationError as error:
            raise ContactProblem(f"{chosen.mail}: {error.errors()[0]['msg']}") from None
    else:
        kept.remove(chosen.site, chosen.role, chosen.mail, registry.contacts)
    # The log is kept for ever and people are not: it says which role, not who.
    tell(settings.registry, chosen, SystemClock().now(), f"contacts {chosen.step}", site=chosen.site, role=chosen.role)
    _list(load_registry(settings.registry), chosen.site)
    return 0


def _list(registry: Registry, only: str | None) -> None:
    table = Table("site", "role", "name", "mail", box=None)
    for site in sorted({site.id for file in registry.studies.values() for site in file.study.sites} | set(registry.contacts)):
        if only not in (None, site):
            continue
        contacts = registry.contacts.get(site, ())
        for contact in contacts:
            table.add_row(site, contact.role.replace("_", " "), contact.name, contact.mail)
        missing = [role.replace("_", " ") for role in ROLES if all(contact.role != role for contact in contacts)]
        if missing:
            table.add_row(site, ", ".join(missing), "nobody", "", style="dim")
    Console().print(table)
