"""The four roles, and what a person or a machine has been given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from studyscope_aggregator.registry import Registry

RoleName = Literal["coordinator", "lead", "site", "public"]
ROLES: tuple[RoleName, ...] = ("coordinator", "lead", "site", "public")
"""From the one that sees most to the one that sees least."""


@dataclass(frozen=True)
class Grant:
    """What somebody was given: a role, and the studies (a lead, the public) or sites (a site) that it is for.

    A public grant that names no study is for every study of the centre.
    """

    role: RoleName
    studies: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    who: str = ""
    """For the log: a person's name at the identity provider, or a token's id."""


@dataclass(frozen=True)
class Scope:
    """What a grant reaches in one state of the registry; a coordinator's reaches everything."""

    role: RoleName
    studies: frozenset[str]
    sites: frozenset[str] = frozenset()


def scope_of(grant: Grant, registry: Registry) -> Scope:
    """A site reaches the studies that name it; nobody reaches a study that the centre does not have."""
    known = frozenset(registry.studies)
    if grant.role == "coordinator" or (grant.role == "public" and not grant.studies):
        return Scope(grant.role, known)
    if grant.role != "site":
        return Scope(grant.role, known & grant.studies)
    named = {name: {site.id for site in file.study.sites} & grant.sites for name, file in registry.studies.items()}
    return Scope("site", frozenset(name for name, sites in named.items() if sites), grant.sites)
