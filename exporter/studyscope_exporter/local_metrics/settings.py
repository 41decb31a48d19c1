"""Where the hospital's own Prometheus finds the exporter's gauges, and how they are protected."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from studyscope_exporter.servers.secret import Secret
from studyscope_exporter.small_server import Place


class LocalMetricsSettings(Place):
    """A port or a Unix socket; an address that others can reach is encrypted and asks for a token."""

    token: Secret | None = Field(default=None, description="what a reader sends as `Authorization: Bearer`")

    @model_validator(mode="after")
    def _needs_no_token_on_a_socket(self) -> Self:
        if self.socket is not None and self.token:
            raise ValueError("a socket is protected by its folder: leave out address, certificate and token")
        return self

    def needed_by_others(self) -> tuple[str, ...]:
        return (*super().needed_by_others(), "token")
