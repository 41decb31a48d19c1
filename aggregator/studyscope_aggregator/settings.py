"""The centre file: everything that one aggregator is told; paths in it are relative to the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from studyscope_contract.keys import SigningKey
from studyscope_contract.mail_link import LinkSecret
from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import FileProblem, Problem, Strict, read_yaml

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$", max_length=400)]


class Listen(Strict):
    """Where the aggregator listens; a reverse proxy with TLS stands before it."""

    host: str = "127.0.0.1"
    port: int = Field(default=8400, ge=0, le=65535, description="0: any free port")

    @property
    def url(self) -> str:
        """How other programs of this machine reach it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not listened on
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class RemoteWrite(Strict):
    """Where history goes: Prometheus, Mimir or VictoriaMetrics."""

    url: Url
    window_hours: int = Field(
        default=24,
        ge=2,
        le=24 * 3650,
        description="the receiver's out-of-order window (storage.tsdb.out_of_order_time_window); nothing older is sent",
    )


class Postgres(Strict):
    """A PostgreSQL database as the store, for several aggregators behind a balancer."""

    host: str = Field(min_length=1, max_length=200)
    port: int = Field(default=5432, ge=1, le=65535)
    database: str = Field(default="studyscope", pattern=r"^[A-Za-z0-9_-]+$", max_length=63)
    user: str = Field(default="studyscope", pattern=r"^[A-Za-z0-9_-]+$", max_length=63)
    password_file: Path | None = Field(default=None, description="file with the password and nothing else")
    sslmode: Literal["verify-full", "verify-ca", "require", "disable"] = "verify-full"
    ca_file: Path | None = Field(default=None, description="PEM of the authority that signed the server's certificate")

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"database {self.database} on {self.host}:{self.port}"


class Limits(Strict):
    """How often one address may hand in reports in one site's name; more is answered with 429."""

    reports_per_minute: int = Field(default=120, ge=1, le=100_000)
    burst: int = Field(default=1000, ge=1, le=1_000_000, description="so many at once, as after weeks without a line")


class OpenIdSettings(Strict):
    """The identity provider of the consortium's people, and the groups that give them a role."""

    issuer: Url = Field(description="as its discovery document names it")
    audience: str = Field(default="studyscope", min_length=1, max_length=200, description="our client id there; tokens name it")
    client_secret_file: Path | None = Field(
        default=None, description="file with our secret there; with it the centre's own page asks people to log in"
    )
    claim: str = Field(default="groups", pattern=r"^[A-Za-z_]+(\.[A-Za-z_]+)*$", description="where a token holds the groups")
    coordinator: str = Field(default="studyscope-coordinator", min_length=1, max_length=200)
    lead: str = Field(default="studyscope-lead-{study}", pattern=r"^[^{}]*\{study\}[^{}]*$", max_length=200)
    site: str = Field(default="studyscope-site-{site}", pattern=r"^[^{}]*\{site\}[^{}]*$", max_length=200)

    def client_secret(self) -> str | None:
        """Our secret, None when the page asks nobody to log in; raises FileProblem."""
        if self.client_secret_file is None:
            return None
        try:
            secret = self.client_secret_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise FileProblem(self.client_secret_file, [Problem(0, "", f"cannot be read: {error.strerror}")]) from None
        if not secret:
            raise FileProblem(
                self.client_secret_file, [Problem(0, "", "is empty: put our secret at the identity provider there")]
            )
        return secret


class AccessSettings(Strict):
    """Who sees what: the guarded way to Prometheus, for Grafana and for programs."""

    prometheus: Url = Field(description="where queries are answered; nobody else should reach it")
    openid: OpenIdSettings | None = Field(default=None, description="without it only tokens of machines are known")


class FetchedSite(Strict):
    """A site that may only be fetched from, and one study there."""

    site: Slug
    study: Slug
    url: Url
    ca_file: Path | None = Field(default=None, description="PEM of the authority that signed the certificate of its door")
    proxy: Url | None = None


class CentreSettings(Strict):
    """The centre file, whole."""

    registry: Path = Field(description="folder with sites.yaml and studies/")
    store: Path | Postgres = Field(description="the SQLite file of accepted reports, or a PostgreSQL database")
    listen: Listen = Listen()
    limits: Limits = Limits()
    base_url: Url = Field(default="http://127.0.0.1:8400", description="under which sites and people reach this centre")
    key: Path | None = Field(default=None, description="the centre's signing key (see keygen); without it nothing is signed")
    mail_links: Path | None = Field(
        default=None, description="the secret that signs the links in mails (openssl rand -hex 32); without it there are none"
    )
    remote_write: RemoteWrite | None = None
    fetch: tuple[FetchedSite, ...] = Field(default=(), description="sites that cannot send; `fetch` goes there")
    access: AccessSettings | None = Field(default=None, description="without it this centre answers no queries")

    def link_secret(self) -> LinkSecret | None:
        """The secret of the mail links, None when there is none; raises LinkProblem."""
        return LinkSecret.load(self.mail_links) if self.mail_links else None

    def signing_key(self) -> SigningKey | None:
        """The centre's key, None when it has none; raises KeyProblem."""
        return SigningKey.load(self.key) if self.key else None


def store_name(settings: CentreSettings) -> str:
    """How messages name the store."""
    return settings.store.where if isinstance(settings.store, Postgres) else str(settings.store)


def read_settings(path: Path) -> CentreSettings:
    """The centre file at `path`; raises FileProblem."""
    settings = read_yaml(path, CentreSettings)
    folder = path.resolve().parent
    files = {name: folder / path for name in ("registry", "key", "mail_links") if (path := getattr(settings, name)) is not None}
    more: dict[str, object] = {"store": _store_from(folder, settings.store), "access": _access_from(folder, settings.access)}
    doors = (one.model_copy(update={"ca_file": folder / one.ca_file}) if one.ca_file else one for one in settings.fetch)
    more["fetch"] = tuple(doors)
    return settings.model_copy(update=files | more)


def _access_from(folder: Path, access: AccessSettings | None) -> AccessSettings | None:
    if access is None or access.openid is None or access.openid.client_secret_file is None:
        return access
    openid = access.openid.model_copy(update={"client_secret_file": folder / access.openid.client_secret_file})
    return access.model_copy(update={"openid": openid})


def _store_from(folder: Path, store: Path | Postgres) -> Path | Postgres:
    """Paths of the centre file are relative to it."""
    if isinstance(store, Path):
        return folder / store
    files = {name: folder / path for name in ("password_file", "ca_file") if (path := getattr(store, name)) is not None}
    return store.model_copy(update=files)
