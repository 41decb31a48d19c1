"""Through which server the hospital's people get mails, and who gets which."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.site_path import SitePath

Role = Literal["approvers", "operators"]
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s<>\",;]+@[^@\s<>\",;]+$", max_length=200)]


class MailTo(Strict):
    """Who gets what: approvers what they have to read and sign, operators everything that is broken."""

    approvers: tuple[Address, ...] = ()
    operators: tuple[Address, ...] = ()


class MailSettings(Strict):
    """The hospital's own mail server; nothing goes through the centre."""

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    encryption: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls (usually port 587), tls from the start (usually 465), or none"
    )
    ca_file: SitePath | None = Field(default=None, description="PEM file of the hospital's own certificate authority")
    user: str | None = None
    password_file: SitePath | None = Field(default=None, description="file that holds the password of `user`")
    sender: Address
    to: MailTo

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together: give both or none")
        if self.user is not None and self.encryption == "none" and not self._local:
            raise ValueError("a password is sent over an encrypted connection only: set encryption to starttls or tls")
        if not self.to.approvers and not self.to.operators:
            raise ValueError("to must name somebody: approvers, operators or both")
        return self

    @property
    def _local(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
