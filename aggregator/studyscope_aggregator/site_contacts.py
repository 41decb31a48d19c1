"""People of the sites whom the centre writes to: in the registry, not in the study file, so that they change without it.

ContactProblem       a person cannot be added or removed
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import Field

from studyscope_contract.names import Slug, Text
from studyscope_contract.study import Mail
from studyscope_contract.yaml_file import Strict, read_yaml

CONTACTS_FILE = "contacts.yaml"
Role = Literal["site_it", "study_team", "data_protection"]
ROLES: tuple[str, ...] = get_args(Role)


class ContactProblem(Exception):
    """The message says what is wrong with what was asked."""


class Contact(Strict):
    """Somebody at a site; known to the centre only."""

    role: Role
    name: Text
    mail: Mail


class ContactsOfSite(Strict):
    """Everybody of one site."""

    id: Slug
    contacts: tuple[Contact, ...] = Field(max_length=50)


class ContactsFile(Strict):
    """`contacts.yaml`: what it says of a site counts instead of what `sites.yaml` says."""

    sites: tuple[ContactsOfSite, ...] = Field(max_length=5000)


def contacts_in(registry: Path) -> dict[str, tuple[Contact, ...]]:
    """Contacts by site, of the sites in `contacts.yaml`; raises FileProblem."""
    path = registry / CONTACTS_FILE
    return {site.id: site.contacts for site in read_yaml(path, ContactsFile).sites} if path.exists() else {}


class SiteContacts:
    """Changes `contacts.yaml`; every change is the file replaced."""

    def __init__(self, registry: Path) -> None:
        self._path = registry / CONTACTS_FILE

    def add(self, site: str, contact: Contact, known: Mapping[str, tuple[Contact, ...]]) -> None:
        """`known`: the contacts in force, wherever they stand."""
        others = tuple(one for one in known.get(site, ()) if (one.role, one.mail) != (contact.role, contact.mail))
        self._put(site, (*others, contact))

    def remove(self, site: str, role: str, mail: str, known: Mapping[str, tuple[Contact, ...]]) -> None:
        """Raises ContactProblem where there is nobody like that."""
        before = known.get(site, ())
        left = tuple(one for one in before if (one.role, one.mail) != (role, mail))
        if len(left) == len(before):
            there = ", ".join(f"{one.role} {one.mail}" for one in before) or "nobody"
            raise ContactProblem(f"site {site} has no {role} {mail}; there is: {there}")
        self._put(site, left)

    def _put(self, site: str, contacts: tuple[Contact, ...]) -> None:
        now = {**contacts_in(self._path.parent), site: contacts}
        whole = ContactsFile(sites=tuple(ContactsOfSite(id=name, contacts=now[name]) for name in sorted(now)))
        new = self._path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            file.write("# Written by studyscope-aggregator contacts; sites that stand here count instead of sites.yaml.\n")
            file.write(yaml.safe_dump(whole.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
