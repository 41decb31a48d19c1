"""The way from this machine to a centre, step by step: proxy, name, connection, TLS, answer, clock.

It stops at the first step that fails, because that one explains every later one.
"""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography import x509

from studyscope_contract.yaml_file import FileProblem
from studyscope_exporter.centre_client import client_of, trust_of
from studyscope_exporter.delivery.trust import Trust
from studyscope_exporter.settings import Centre
from studyscope_exporter.sources.source import Finding

PATIENCE_SECONDS = 10.0
CLOCK_MAY_DIFFER = dt.timedelta(minutes=2)


@dataclass(frozen=True)
class Address:
    """A host and a port, as a firewall form wants them."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Address:
        parts = urlsplit(url)
        return cls(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))

    @property
    def firewall(self) -> str:
        return f"outbound TCP from this machine to {self.host}, port {self.port}; nothing inbound"


def line_to(centre: Centre, now: dt.datetime, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Every step on the way to `centre`; `environment` only tells whether a proxy is set that will not be used."""
    first = Address.of(centre.proxy or centre.url)
    yield from _proxy(centre, environment)
    problem = _authorities(trust_of(centre), now) or _connection(first, through_proxy=centre.proxy is not None)
    if problem:
        yield Finding(False, f"{problem}. For the firewall form: {first.firewall}")
        return
    try:
        answer = _answer(centre)
    except FileProblem as problem:
        yield Finding(False, str(problem))
        return
    except httpx.HTTPError as error:
        yield Finding(False, f"{_why(error, centre)}. For the firewall form: {first.firewall}")
        return
    if answer.status_code != 200:
        yield Finding(False, f"{centre.url}/healthz answered {answer.status_code}: {_meaning(answer.status_code, centre)}")
        return
    yield Finding(True, f"the centre {centre.url} answers ({first.firewall})")
    yield _clock(answer.headers.get("Date"), now)


def _proxy(centre: Centre, environment: Mapping[str, str]) -> Iterator[Finding]:
    names = [name for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy") if environment.get(name)]
    if centre.proxy is not None:
        address = Address.of(centre.proxy)
        yield Finding(True, f"through the proxy {address.host}, port {address.port}, as the site file says")
    elif names:
        yield Finding(
            True, f"{names[0]} is set but not used; if the proxy is needed, write `proxy:` below `centre` in the site file"
        )


def _authorities(trust: Trust, now: dt.datetime) -> str | None:
    """What is wrong with the hospital's own authorities."""
    try:
        files = trust.authorities()
    except FileProblem as problem:
        return f"{problem}; ask your network department for the certificates"
    return next((problem for problem in (_authority(file, now) for file in files) if problem), None)


def _authority(file: Path, now: dt.datetime) -> str | None:
    try:
        known = x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as error:
        return f"ca_file {file} cannot be read: {error.strerror}"
    except ValueError:
        return f"ca_file {file} holds no certificate in PEM form: ask your network department for it"
    if all(certificate.not_valid_after_utc < now for certificate in known):
        return f"ca_file {file}: every certificate in it has expired: ask your network department for the new one"
    return None


def _connection(address: Address, *, through_proxy: bool) -> str | None:
    what = "the proxy" if through_proxy else "the centre"
    try:
        socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return f"the name {address.host} of {what} is not known here: is it spelled right, and is the DNS server the right one"
    try:
        with socket.create_connection((address.host, address.port), timeout=PATIENCE_SECONDS):
            return None
    except TimeoutError:
        return f"no answer from {what} at {address.host}, port {address.port}: a firewall drops it; ask for it to be opened"
    except OSError as error:
        return f"{what} at {address.host}, port {address.port}: {error.strerror or error}; is a firewall or proxy between"


def _answer(centre: Centre) -> httpx.Response:
    client = client_of(centre, PATIENCE_SECONDS)
    try:
        return client.health()
    finally:
        client.close()


def _why(error: httpx.HTTPError, centre: Centre) -> str:
    words = str(error) or type(error).__name__
    if "self-signed certificate" in words or "unable to get local issuer" in words:
        return (
            f"{centre.url} shows a certificate of an authority that this machine does not know. "
            "If your hospital's proxy opens TLS, ask the network department for its certificate and write `ca_file:` "
            "below `centre`; else tell the coordinator"
        )
    if "certificate required" in words or "handshake failure" in words:
        return (
            f"{centre.url} wants a certificate of this site: ask the coordinator for one, and write `client_certificate:` and "
            "`client_certificate_key:` below `centre`"
        )
    if "certificate has expired" in words:
        return f"the certificate of {centre.url} has expired, or this machine's clock is wrong: tell the coordinator"
    if "certificate is not yet valid" in words:
        return f"the certificate of {centre.url} is not valid yet: is this machine's clock right"
    if "Hostname mismatch" in words or "certificate is not valid for" in words:
        return f"{centre.url} shows a certificate of another name: is the address right"
    if "407" in words:
        return f"the proxy wants a name and password ({words}): ask for an exception for this one address"
    return f"{centre.url} cannot be reached: {words}"


def _meaning(status: int, centre: Centre) -> str:
    if status == 407:
        return "the proxy wants a name and password: ask for an exception for this one address"
    if status in (301, 302, 307, 308):
        return "something leads elsewhere, often a proxy's log-in page: ask the network department"
    if status in (401, 403):
        return f"something before the centre refuses: ask the network department whether the proxy allows {centre.url}"
    if status == 404:
        return "this is no Studyscope centre: is `url` the address that the coordinator gave"
    return "the centre or something before it is down: reports wait and nothing is lost; tell the coordinator if it stays"


def _clock(date: str | None, now: dt.datetime) -> Finding:
    if date is None:
        return Finding(True, "the centre's answer has no time in it, so the clock was not compared")
    try:
        ahead = now - parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return Finding(True, "the centre's answer has no time that can be read, so the clock was not compared")
    if abs(ahead) <= CLOCK_MAY_DIFFER:
        return Finding(True, "this machine's clock and the centre's agree")
    direction = "ahead of" if ahead > dt.timedelta(0) else "behind"
    minutes = round(abs(ahead) / dt.timedelta(minutes=1))
    return Finding(
        False,
        f"this machine's clock is {minutes} min {direction} the centre's: set it by NTP; reports would be refused",
    )
