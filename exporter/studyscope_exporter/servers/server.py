"""One HTTP server of the hospital, asked patiently and within bounds.

ServerProblem      it cannot be asked, or answers what it should not; says what to do
"""

from __future__ import annotations

import datetime as dt
import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import Field, field_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.foreign_json import parsed
from studyscope_exporter.servers.login import Login, opened_login
from studyscope_exporter.servers.secret import SecretProblem
from studyscope_exporter.site_path import SitePath

MOST_BYTES = 64 * 1024 * 1024
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0
Params = Mapping[str, str | int | list[str]]


class ServerProblem(Exception):
    """A server could not be asked. `status` is its answer where it gave one; `temporary`: trying later can help."""

    def __init__(self, message: str, *, temporary: bool, status: int | None = None) -> None:
        super().__init__(message)
        self.temporary = temporary
        self.status = status


class Address(Strict):
    """Where a server is and how it is asked."""

    url: str = Field(description="https:// or http:// address, without a path behind the server's own")
    login: Login | None = None
    ca_file: SitePath | None = Field(default=None, description="PEM file of the hospital's own certificate authority")
    timeout_seconds: float = Field(default=60, gt=0, le=600, description="for one answer")
    tries: int = Field(default=4, ge=1, le=10, description="how often a request is tried that fails for a passing reason")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an https:// or http:// address, such as https://pacs.hospital.example/dicom-web")
        if parts.username or parts.password:
            raise ValueError("must hold no user and no password; say them under `login`, the password in a file")
        return url.rstrip("/")


@dataclass(frozen=True)
class Patience:
    """How a client waits between tries; parameters, so that tests need not wait."""

    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.Random)

    def seconds(self, attempt: int, wanted: str | None) -> float:
        """Before try number `attempt` + 1: doubling from 1 s with jitter, or as Retry-After (RFC 9110 10.2.3) asks."""
        if wanted is not None and wanted.isascii() and wanted.isdigit() and len(wanted) < 6:
            return min(_LONGEST_WAIT, float(wanted))
        return self.rng.uniform(0.5, 1.0) * min(_LONGEST_WAIT, 2.0 ** (attempt - 1))


class Server:
    """A connection to one server; certificates are verified, redirections and proxies of the environment not followed."""

    def __init__(self, address: Address, patience: Patience | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Raises ServerProblem where a secret or a certificate is not there."""
        self.address, self._patience = address, patience or Patience()
        self.now: dt.datetime | None = None  # the server's clock, as its last answer said
        try:
            self._http = httpx.Client(
                verify=_authorities(address.url, address.ca_file),
                auth=opened_login(address.login, address.url),
                timeout=address.timeout_seconds,
                headers=headers,
                trust_env=False,
            )
        except SecretProblem as problem:
            raise ServerProblem(str(problem), temporary=False) from None
        except OSError as error:
            raise ServerProblem(f"{address.ca_file} cannot be used ({error.strerror or error})", temporary=False) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def json(self, path: str, params: Params | None = None, *, accept: str = "application/json", question: object = None) -> Any:
        """The answer to GET `path` below the address; None where it is empty. Raises ServerProblem.

        A `question` is sent as JSON by POST, to servers that take a search that way.
        """
        content = self.content(path, params, accept=accept, question=question)
        if not content.strip():
            return None
        try:
            return parsed(content.decode(json.detect_encoding(content)))
        except (ValueError, RecursionError):
            message = f"{self.address.url}{path} answers something that is not JSON; is `url` that of the server's programs?"
            raise ServerProblem(message, temporary=True) from None

    def content(self, path: str, params: Params | None = None, *, accept: str, question: object = None) -> bytes:
        """All of an answer. Raises ServerProblem, also where it is longer than MOST_BYTES."""
        content = bytearray()
        with self.stream(path, params, accept=accept, question=question) as answer:
            for piece in self.pieces(answer):
                content += piece
                if len(content) > MOST_BYTES:
                    raise ServerProblem(f"{self.address.url}{path} answers more than {MOST_BYTES >> 20} MiB", temporary=False)
        return bytes(content)

    @contextmanager
    def stream(
        self, path: str, params: Params | None = None, *, accept: str, question: object = None
    ) -> Iterator[httpx.Response]:
        """A good answer whose content is not read yet; tried again while the reason is a passing one."""
        answer = self._good_answer(path, params or {}, accept, question)
        try:
            yield answer
        finally:
            answer.close()

    def pieces(self, answer: httpx.Response) -> Iterator[bytes]:
        """The content of an answer as it comes; raises ServerProblem where it is cut off."""
        try:
            yield from answer.iter_bytes()
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise ServerProblem(_unreachable(self.address.url, error), temporary=True) from None

    def _good_answer(self, path: str, params: Params, accept: str, question: object) -> httpx.Response:
        method = "GET" if question is None else "POST"
        for attempt in range(1, self.address.tries + 1):
            last, wanted = attempt == self.address.tries, None
            request = self._http.build_request(
                method, self.address.url + path, params=params, headers={"Accept": accept}, json=question
            )
            try:
                answer = self._http.send(request, stream=True)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if last:
                    raise ServerProblem(_unreachable(self.address.url, error), temporary=True) from None
            else:
                self.now = _clock(answer) or self.now
                if answer.is_success:
                    return answer
                answer.close()
                if last or answer.status_code not in _PASSING:
                    raise _refused(self.address.url + path, answer.status_code)
                wanted = answer.headers.get("Retry-After")
            self._patience.sleep(self._patience.seconds(attempt, wanted))
        raise AssertionError("the last try returns or raises")


def _authorities(url: str, ca_file: Path | None) -> ssl.SSLContext:
    if not url.startswith("https:"):  # a context that trusts nobody is made in no time
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = httpx.create_ssl_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=str(ca_file))
    return context


def _clock(answer: httpx.Response) -> dt.datetime | None:
    try:
        said = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return None
    return said.replace(tzinfo=dt.UTC) if said.tzinfo is None else said.astimezone(dt.UTC)


def _unreachable(url: str, error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"{url} does not answer in time; is it overloaded, or is a firewall between? Else raise timeout_seconds"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"{url} shows a certificate that nobody here trusts; set ca_file to the hospital's own authority"
    return f"{url} cannot be reached ({str(error) or type(error).__name__}); is the server up and the address right?"


def _refused(url: str, status: int) -> ServerProblem:
    todo = "look into the server's own log"
    if status in (401, 403):
        todo = "the login is not accepted: look at user, password or token, and whether that user may read"
    elif status == 404:
        todo = "there is no such thing: is `url` right?"
    elif 300 <= status < 400:
        todo = "it sends us elsewhere, often to a page for people to log in: set `url` and `login` for programs"
    elif status in _PASSING:
        todo = "the server has a trouble of its own; what was read is kept and the next scan tries again"
    return ServerProblem(f"{url} answers {status}; {todo}", temporary=status in _PASSING, status=status)
