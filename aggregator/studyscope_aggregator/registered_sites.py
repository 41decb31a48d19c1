"""What the registry's files say of a site: its keys, its people, and the end of a membership."""

from __future__ import annotations

import datetime as dt
from functools import cached_property

from pydantic import Field, field_validator, model_validator

from studyscope_aggregator.site_contacts import Contact
from studyscope_contract.keys import VerifyingKey
from studyscope_contract.names import Slug, Text
from studyscope_contract.statement import PublicKey
from studyscope_contract.yaml_file import Strict


class SiteKey(Strict):
    """A public key of a site and the days on which it may sign."""

    key: PublicKey
    valid_from: dt.date
    valid_until: dt.date
    revoked: dt.datetime | None = None
    revoked_why: Text | None = None

    @model_validator(mode="after")
    def _days_are_in_order(self) -> SiteKey:
        if self.valid_until < self.valid_from:
            raise ValueError("valid_until must not be before valid_from")
        return self

    @cached_property
    def verifying(self) -> VerifyingKey:
        return VerifyingKey(self.key)

    def is_valid(self, day: dt.date) -> bool:
        return self.revoked is None and self.valid_from <= day <= self.valid_until


class RegisteredSite(Strict):
    """A site that the centre knows, whatever studies it takes part in."""

    id: Slug
    keys: tuple[SiteKey, ...] = Field(min_length=1, max_length=20)
    registered: dt.date
    contacts: tuple[Contact, ...] = ()

    def key(self, fingerprint: str) -> SiteKey | None:
        return next((key for key in self.keys if key.verifying.fingerprint == fingerprint), None)


class Closing(Strict):
    """The end of a membership, decided after the study file was signed; `into`: who goes on with the site's patients."""

    study: Slug
    site: Slug
    last_day: dt.date
    into: Slug | None = None
    why: Text


class SitesFile(Strict):
    """`sites.yaml`."""

    sites: tuple[RegisteredSite, ...] = Field(max_length=5000, description="none in a new centre")

    @field_validator("sites")
    @classmethod
    def _ids_and_keys_are_unique(cls, sites: tuple[RegisteredSite, ...]) -> tuple[RegisteredSite, ...]:
        for what, values in (("site", [s.id for s in sites]), ("key", [k.key for s in sites for k in s.keys])):
            twice = sorted({value for value in values if values.count(value) > 1}) if len(set(values)) < len(values) else []
            if twice:
                raise ValueError(f"{what} appears twice: {', '.join(twice)}")
        return sites
