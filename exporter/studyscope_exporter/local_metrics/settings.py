"""Where the hospital's own Prometheus finds the exporter's gauges, and how they are protected."""

from __future__ import annotations

import ipaddress
from typing import Self

from pydantic import Field, model_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.servers.secret import Secret
from studyscope_exporter.site_path import SitePath


class LocalMetricsSettings(Strict):
    """A port or a Unix socket; an address that others can reach is encrypted and asks for a token."""

    address: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=1024, le=65535)
    socket: SitePath | None = Field(default=None, description="path of a Unix socket, for programs of this machine")
    certificate: SitePath | None = Field(default=None, description="PEM file of the certificate, its chain included")
    certificate_key: SitePath | None = Field(default=None, description="PEM file of its private key")
    token: Secret | None = Field(default=None, description="what a reader sends as `Authorization: Bearer`")

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.port is None) == (self.socket is None):
            raise ValueError("say either `port` or `socket`")
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together: give both or none")
        if self.socket is not None and (self.certificate or self.token or "address" in self.model_fields_set):
            raise ValueError("a socket is protected by its folder: leave out address, certificate and token")
        return self

    @model_validator(mode="after")
    def _is_protected_or_local(self) -> Self:
        try:
            local = ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            raise ValueError("address must be an IP address of this machine, for example 127.0.0.1 or 10.1.2.3") from None
        missing = [name for name in ("certificate", "certificate_key", "token") if getattr(self, name) is None]
        if not local and missing:
            raise ValueError(f"an address that others can reach needs {', '.join(missing)}; without them leave out address")
        return self
