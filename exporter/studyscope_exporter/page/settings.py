"""Where the hospital's own page listens, and how it is protected."""

from __future__ import annotations

import ipaddress
from typing import Self

from pydantic import Field, model_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.site_path import SitePath


class PageSettings(Strict):
    """Without a certificate the page is for this machine only."""

    address: str = "127.0.0.1"
    port: int = Field(default=8460, ge=1024, le=65535)
    password_file: SitePath = Field(description="made by studyscope-exporter page --set-password")
    certificate: SitePath | None = Field(default=None, description="PEM file of the certificate, its chain included")
    certificate_key: SitePath | None = Field(default=None, description="PEM file of its private key")
    names: tuple[str, ...] = Field(default=(), description="host names under which browsers reach it")
    session_minutes: int = Field(default=30, ge=1, le=600)

    @model_validator(mode="after")
    def _is_encrypted_or_local(self) -> Self:
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together: give both or none")
        try:
            local = ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            raise ValueError("address must be an IP address of this machine, for example 127.0.0.1 or 0.0.0.0") from None
        if not local and self.certificate is None:
            raise ValueError("an address that others can reach needs certificate and certificate_key")
        if not local and not self.names:
            raise ValueError("names must list the host names under which browsers reach the page")
        return self

    @property
    def encrypted(self) -> bool:
        return self.certificate is not None

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser may ask for; anything else is a site that points its name here."""
        return (*self.names, self.address, "localhost") if not self.names or self.address.startswith("127.") else self.names
