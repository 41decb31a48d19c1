"""Reads whom to mail from the centre's registry, and nothing else of it.

ContactsProblem      the file cannot be used
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from studyscope_dashboards.alertmanager import Contacts


class ContactsProblem(Exception):
    """The registry file cannot be used; the message says what to correct."""


class _Lenient(BaseModel):
    """Keys and dates in the registry are the aggregator's business, so what is not named here is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Contact(_Lenient):
    role: str
    mail: str


class _Site(_Lenient):
    id: str
    contacts: tuple[_Contact, ...] = ()


class _Sites(_Lenient):
    sites: tuple[_Site, ...]


CONTACTS_FILE = "contacts.yaml"
"""Beside sites.yaml; `studyscope-aggregator contacts` writes it, and a site that stands in it counts from there."""


def contacts_in(path: Path, coordinators: Sequence[str]) -> Contacts:
    """The IT contacts of every site in the aggregator's sites.yaml and contacts.yaml; raises ContactsProblem.

    `path` is that of sites.yaml; either file may be missing, not both.
    """
    beside = path.with_name(CONTACTS_FILE)
    files = [file for file in (path, beside) if file.exists()] or [path]
    site_it = {site: mails for file in files for site, mails in _site_it(file).items()}
    return Contacts(tuple(coordinators), site_it)


def _site_it(path: Path) -> dict[str, tuple[str, ...]]:
    try:
        content = _Sites.model_validate(yaml.safe_load(path.read_bytes()))
    except OSError as error:
        raise ContactsProblem(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ContactsProblem(f"{path}: not valid YAML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ContactsProblem(f"{path}: {where}: {first['msg']}") from None
    return {site.id: tuple(c.mail for c in site.contacts if c.role == "site_it") for site in content.sites}
