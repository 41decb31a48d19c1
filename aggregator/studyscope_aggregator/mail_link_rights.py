"""Who may do what by a link in a mail, as the registry stands now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from studyscope_aggregator.registry import Registry
from studyscope_contract.mail_link import LinkSecret, MailLink

LONGEST_DOWNTIME = dt.timedelta(days=90)
"""What lasts longer is a pause of the study, which the site says itself."""


@dataclass(frozen=True)
class Stop:
    """How long no mails are wanted; no days: until the reader says so."""

    words: str
    days: int


STOPS: Mapping[str, Stop] = MappingProxyType(
    {
        "month": Stop("for a month", 30),
        "half-year": Stop("for half a year", 182),
        "open": Stop("until I start them again", 0),
    }
)


def is_still_named(link: MailLink, registry: Registry, secret: LinkSecret) -> bool:
    """Whether the reader still is who the link says. The centre's coordinators are in no file here: their links count as made."""
    if link.role == "coordinator":
        return True
    study = registry.study(link.study)
    if study is None:
        return False
    if link.role == "lead":
        return any(secret.person(lead.mail) == link.person for lead in study.leads)
    registered = registry.sites.get(link.site)
    contacts = registered.contacts if registered else ()
    return any(secret.person(one.mail) == link.person for one in contacts if one.role == "site_it")


def sites_of(link: MailLink, registry: Registry) -> list[tuple[str, str]]:
    """Id and name of every site whose downtime the reader may plan: their own, or all of the study for its coordinator."""
    study = registry.study(link.study)
    if study is None or link.role == "lead":
        return []
    return [(site.id, site.name) for site in study.sites if link.role == "coordinator" or site.id == link.site]
