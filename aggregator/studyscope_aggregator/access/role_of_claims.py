"""Which role somebody has, from the groups that their identity provider names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studyscope_aggregator.access.role import Grant
from studyscope_aggregator.settings import OpenIdSettings


class NoRole(Exception):
    """Somebody is known, and nobody gave them a role here."""

    def __init__(self, who: str, settings: OpenIdSettings) -> None:
        self.who = who
        groups = ", ".join((settings.coordinator, settings.lead, settings.site))
        super().__init__(f"{who} has no role here: the identity provider names none of the groups {groups} in {settings.claim}")


def grant_of(claims: Mapping[str, Any], settings: OpenIdSettings) -> Grant:
    """The role of the groups that see most; raises NoRole."""
    who = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
    groups = _groups(claims, settings.claim)
    if settings.coordinator in groups:
        return Grant("coordinator", who=who)
    studies = _named(groups, settings.lead, "{study}")
    if studies:
        return Grant("lead", studies=studies, who=who)
    sites = _named(groups, settings.site, "{site}")
    if sites:
        return Grant("site", sites=sites, who=who)
    raise NoRole(who, settings)


def _groups(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The texts under a claim such as `groups` or `realm_access.roles`; a group's path begins with a slash at Keycloak."""
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = [found]
    return frozenset(one.removeprefix("/") for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()


def _named(groups: frozenset[str], pattern: str, place: str) -> frozenset[str]:
    before, _, after = pattern.partition(place)
    wanted = re.compile(f"{re.escape(before)}([a-z0-9-]+){re.escape(after)}")
    return frozenset(match[1] for group in groups if (match := wanted.fullmatch(group)))
