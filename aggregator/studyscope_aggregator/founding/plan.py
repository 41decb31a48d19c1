"""What a new centre was asked for, and where its programs find each other.

PlanProblem          an answer cannot be used; the message names the flag
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Self

Layout = Literal["machine", "compose"]

ADDRESSES: Mapping[Layout, Mapping[str, str]] = MappingProxyType(
    {
        "machine": MappingProxyType(
            {
                "aggregator": "127.0.0.1:8400",
                "prometheus": "127.0.0.1:9090",
                "alertmanager": "127.0.0.1:9093",
                "grafana": "127.0.0.1:3000",
            }
        ),
        "compose": MappingProxyType(
            {
                "aggregator": "aggregator:8400",
                "prometheus": "prometheus:9090",
                "alertmanager": "alertmanager:9093",
                "grafana": "grafana:3000",
            }
        ),
    }
)
"""`host:port` by program: all on one machine's loopback, or each in a container of its own."""


class PlanProblem(Exception):
    """An answer cannot be used; the message says which and what is allowed."""


@dataclass(frozen=True)
class FirstSite:
    """A hospital of the study, as `--site` names it."""

    id: str
    name: str
    city: str
    latitude: float
    longitude: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """`ID=NAME,CITY,LATITUDE,LONGITUDE`; raises PlanProblem."""
        site, _, rest = text.partition("=")
        parts = [part.strip() for part in rest.rsplit(",", 3)]
        try:
            name, city, latitude, longitude = parts
            return cls(site.strip(), name, city, float(latitude), float(longitude))
        except ValueError:
            raise PlanProblem(
                f"--site {text!r}: write ID=NAME,CITY,LATITUDE,LONGITUDE, as berlin=Charité,Berlin,52.53,13.38"
            ) from None


@dataclass(frozen=True)
class Smtp:
    """The mail server that takes what Alertmanager writes."""

    server: str  # host:port
    sender: str
    user: str | None = None


@dataclass(frozen=True)
class OpenId:
    """Log-in by the consortium's identity provider, as its discovery document has it (OpenID Connect Discovery 1.0, 4.2)."""

    client: str
    issuer: str
    authorization: str
    token: str
    userinfo: str

    @classmethod
    def discovered(cls, client: str, document: Mapping[str, object]) -> Self:
        """Raises PlanProblem for a document without the endpoints."""
        names = ("issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint")
        found = [document.get(name) for name in names]
        if not all(isinstance(url, str) and url.startswith(("https://", "http://127.0.0.1")) for url in found):
            raise PlanProblem(f"--oidc-issuer: its discovery document has no https:// address for {', '.join(names)}")
        return cls(client, *(str(url) for url in found))


@dataclass(frozen=True)
class Plan:
    """Every answer."""

    host: str  # the name under which sites and people reach the centre
    study: str
    title: str
    lead_name: str
    lead_mail: str
    coordinators: Sequence[str]
    sites: Sequence[FirstSite]
    smtp: Smtp
    openid: OpenId | None = None
    layout: Layout = "machine"
    https_port: int = 443
    asks_sites: bool = False  # for a TLS certificate of their own

    @property
    def url(self) -> str:
        return f"https://{self.host}" + ("" if self.https_port == 443 else f":{self.https_port}")

    @property
    def addresses(self) -> Mapping[str, str]:
        return ADDRESSES[self.layout]
