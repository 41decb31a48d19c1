"""Tokens of machines: made once, shown once, kept as a hash in one file each, in force from the next request on."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, model_validator

from studyscope_aggregator.access.role import Grant, RoleName
from studyscope_contract.names import Slug, Text
from studyscope_contract.yaml_file import Strict, parse_yaml

TOKENS_FOLDER = "tokens"
PREFIX = "studyscope"
_TOKEN = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_([A-Za-z0-9_-]{{43}})")


class StoredToken(Strict):
    """A token as its file has it; the secret itself is nowhere."""

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="of the whole token; it holds 256 random bits, so no salt is needed"
    )
    what_for: Text
    role: RoleName
    studies: tuple[Slug, ...] = ()
    sites: tuple[Slug, ...] = ()
    made: dt.datetime
    valid_until: dt.date
    revoked: dt.datetime | None = None

    @model_validator(mode="after")
    def _says_what_for(self) -> Self:
        if (self.role == "lead" and not self.studies) or (self.role == "site" and not self.sites):
            raise ValueError("a lead's token names studies, a site's token names sites")
        return self

    @property
    def grant(self) -> Grant:
        return Grant(self.role, frozenset(self.studies), frozenset(self.sites), f"token {self.id}")

    def is_valid(self, today: dt.date) -> bool:
        return self.revoked is None and today <= self.valid_until


@dataclass(frozen=True)
class NewToken:
    """A token that was made now; `text` is shown once."""

    text: str
    stored: StoredToken


class AccessTokens:
    """The tokens of a registry folder, `tokens/ID.yaml`."""

    def __init__(self, registry: Path) -> None:
        self._folder = registry / TOKENS_FOLDER

    def add(self, grant: Grant, what_for: str, now: dt.datetime, until: dt.date) -> NewToken:
        """Makes a token for what `grant` says; raises ValueError where it does not say for which study or site."""
        number = secrets.token_hex(6)
        text = f"{PREFIX}_{number}_{secrets.token_urlsafe(32)}"
        stored = StoredToken(
            id=number,
            sha256=_hash(text),
            what_for=what_for,
            role=grant.role,
            studies=tuple(sorted(grant.studies)),
            sites=tuple(sorted(grant.sites)),
            made=now,
            valid_until=until,
        )
        self._put(stored)
        return NewToken(text, stored)

    def all(self) -> list[StoredToken]:
        """Every token, oldest first; raises FileProblem."""
        found = (parse_yaml(path.read_bytes(), path, StoredToken) for path in sorted(self._folder.glob("*.yaml")))
        return sorted(found, key=lambda token: token.made)

    def revoke(self, token: StoredToken, at: dt.datetime) -> None:
        self._put(token.model_copy(update={"revoked": at}))

    def grant(self, text: str, today: dt.date) -> Grant | None:
        """What a token gives its bearer; None for one that is unknown, revoked or expired. Raises FileProblem."""
        match = _TOKEN.fullmatch(text)
        if match is None:
            return None
        path = self._folder / f"{match[1]}.yaml"
        try:
            stored = parse_yaml(path.read_bytes(), path, StoredToken)
        except FileNotFoundError:
            return None
        genuine = hmac.compare_digest(stored.sha256, _hash(text))
        return stored.grant if genuine and stored.is_valid(today) else None

    def _put(self, token: StoredToken) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        new = self._folder / f"{token.id}.new"
        text = yaml.safe_dump(token.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
        with new.open("w", encoding="utf-8") as file:
            file.write(f"# Written by studyscope-aggregator tokens; do not edit.\n{text}")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / f"{token.id}.yaml")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
