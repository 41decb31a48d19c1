"""The site file: one YAML that says who a site is, its sources, its folders, and what it does per study."""

from __future__ import annotations

import ipaddress
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, create_model, field_validator, model_validator

from studyscope_contract.keys import KeyProblem, VerifyingKey
from studyscope_contract.names import Slug, Text
from studyscope_contract.policy import Policy
from studyscope_contract.study import Study
from studyscope_contract.yaml_file import FileProblem, Problem, Strict, parse_yaml, read_yaml
from studyscope_exporter.local_metrics.settings import LocalMetricsSettings
from studyscope_exporter.mail_settings import MailSettings
from studyscope_exporter.page.settings import PageSettings
from studyscope_exporter.scan_cluster import DaskSettings
from studyscope_exporter.site_path import FOLDER, SitePath
from studyscope_exporter.small_server import Place
from studyscope_exporter.sources.kinds import settings_of_any_kind

EARLIEST_MINUTE = 15
"""After the grid point: audits of three studies are over by then, so that no report tells by its lateness that there was one."""


class Centre(Strict):
    """Where reports go: one outbound HTTPS address, nothing inbound."""

    url: str
    ca_file: SitePath | None = Field(default=None, description="PEM file of the hospital's own certificate authority")
    ca_folder: SitePath | None = Field(default=None, description="folder of such files, *.pem and *.crt")
    client_certificate: SitePath | None = Field(
        default=None, description="PEM file of this site's TLS certificate, where the centre asks for one"
    )
    client_certificate_key: SitePath | None = Field(default=None, description="PEM file of its private key")
    proxy: str | None = None
    keys: tuple[str, ...] = Field(
        default=(), max_length=5, description="public keys of the centre; with them, only answers that they signed count"
    )
    timeout_seconds: float = Field(default=30, gt=0, le=600)
    delivery: Literal["push", "fetched"] = Field(
        default="push", description="`fetched`: nothing is sent; the centre takes what waits, see `fetched`"
    )

    @field_validator("url")
    @classmethod
    def _is_encrypted(cls, url: str) -> str:
        if may_be_a_centre(url):
            return url.rstrip("/")
        raise ValueError("must be an https:// address; http:// is allowed for this machine only")

    @model_validator(mode="after")
    def _has_a_whole_certificate(self) -> Self:
        if (self.client_certificate is None) != (self.client_certificate_key is None):
            raise ValueError("client_certificate and client_certificate_key belong together: give both or none")
        return self

    @field_validator("keys")
    @classmethod
    def _are_public_keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_public_key(key) for key in keys)

    @property
    def verifying(self) -> tuple[VerifyingKey, ...]:
        return tuple(VerifyingKey(key) for key in self.keys)

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, proxy: str | None) -> str | None:
        if proxy is None:
            return None
        parts = urlsplit(proxy)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError(
                "must be http://HOST:PORT, without a name and password: ask for an exception for the centre's address"
            )
        return proxy


class Approver(Strict):
    """A person at the hospital whose signature lets a table out."""

    name: Text
    key: str

    @field_validator("key")
    @classmethod
    def _is_a_public_key(cls, key: str) -> str:
        return _public_key(key)


class StudySettings(Strict):
    """One study at this site."""

    study_file: SitePath
    centre: Centre
    policy: Policy = Policy()
    approvers: tuple[Approver, ...] = Field(min_length=1)
    approvers_file: SitePath | None = Field(default=None, description="more approvers; `approver add` writes it")
    sources: tuple[str, ...] | None = Field(
        default=None, description="names of the sources that belong to it; all, when left out"
    )
    minute: int | None = Field(
        default=None, ge=EARLIEST_MINUTE, le=59, description="minute after the grid point at which the report is sent"
    )


class SiteSettings(Strict):
    """The site file, whole."""

    site: Slug
    state: SitePath = Field(description="folder of the exporter's own state; on a local disk")
    keys: SitePath = Field(description="folder of the site's keys; outside the state folder, so that no backup holds both")
    default_issuer: str = Field(default="", max_length=64, description="Issuer of Patient ID where DICOM names none")
    scan_hours_before: float = Field(default=3, gt=0, le=20, description="how long before a grid point a scan starts")
    local_metrics: LocalMetricsSettings | None = Field(
        default=None, description="gauges for the hospital's own Prometheus; off when left out"
    )
    page: PageSettings | None = Field(default=None, description="the hospital's own page; off when left out")
    fetched: Place | None = Field(
        default=None, description="where centres fetch reports, for a site that cannot send; only what is signed and waits"
    )
    mail: MailSettings | None = Field(default=None, description="mails to the hospital's people; none when left out")
    dask: DaskSettings | None = Field(default=None, description="a Dask cluster whose workers read the files of a scan")
    sources: tuple[Any, ...] = ()
    studies: tuple[StudySettings, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [source.name for source in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources have the same name: {', '.join(twice)}")
        for study in self.studies:
            unknown = sorted(set(study.sources or ()) - set(names))
            if unknown:
                raise ValueError(f"studies name unknown sources: {', '.join(unknown)}; there are: {', '.join(names)}")
        for study in self.studies:
            if study.centre.delivery == "fetched" and (self.fetched is None or not study.centre.keys):
                raise ValueError("a centre with `delivery: fetched` needs `fetched:` in the site file and its own `keys:`")
        if self.keys == self.state or self.state in self.keys.parents:
            raise ValueError("keys must lie outside the state folder, so that no backup of the state holds them")
        return self


@cache
def _model() -> type[SiteSettings]:
    """SiteSettings with the settings of every kind of source that is installed."""
    of_any_kind: Any = settings_of_any_kind()
    fields: dict[str, Any] = {"sources": (tuple[of_any_kind, ...], ())}
    return create_model("SiteSettings", __base__=SiteSettings, **fields)


def read_site_file(path: Path) -> SiteSettings:
    """The settings in the site file at `path`; raises FileProblem with file, line, key and what is allowed."""
    path = path.absolute()
    return read_yaml(path, _model(), context={FOLDER: path.parent})


def parse_site_file(raw: bytes, path: Path) -> SiteSettings:
    """The settings in `raw`, as if it stood in the file at `path`; raises FileProblem."""
    path = path.absolute()
    return parse_yaml(raw, path, _model(), context={FOLDER: path.parent})


def read_study_file(path: Path) -> Study:
    """The study file at `path`; raises FileProblem."""
    return read_yaml(path, Study)


def effective_policy(settings: StudySettings, study: Study) -> Policy:
    """The hospital's policy with what the study asks for beyond it; raises FileProblem where both cannot hold."""
    try:
        return settings.policy.tightened(study.disclosure)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        asked = f"the study asks for more than this site's policy becomes with it: {why}; set the site's `policy` to fit both"
        raise FileProblem(settings.study_file, [Problem(1, "disclosure", asked)]) from None


def _public_key(text: str) -> str:
    try:
        return VerifyingKey.parse(text).text
    except KeyProblem as problem:
        raise ValueError(str(problem)) from None


def may_be_a_centre(url: str) -> bool:
    """Whether reports may go there: encrypted, or to this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(parts.hostname or ""))
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
