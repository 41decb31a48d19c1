"""A small HTTP server for this hospital's own machine or network: on a port, with TLS where wanted, or on a Unix socket.

EndpointProblem      it cannot listen as the site file says
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseServer, ThreadingMixIn
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from pydantic import Field, model_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.site_path import SitePath

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
MOST_AT_ONCE = 8

Start = Callable[..., Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]


class EndpointProblem(Exception):
    """The message says what of the site file cannot be used, and what to do."""


class Place(Strict):
    """A port or a Unix socket; what others can reach is encrypted."""

    address: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=1024, le=65535)
    socket: SitePath | None = Field(default=None, description="path of a Unix socket, for programs of this machine")
    certificate: SitePath | None = Field(default=None, description="PEM file of the certificate, its chain included")
    certificate_key: SitePath | None = Field(default=None, description="PEM file of its private key")

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.port is None) == (self.socket is None):
            raise ValueError("say either `port` or `socket`")
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together: give both or none")
        if self.socket is not None and (self.certificate or "address" in self.model_fields_set):
            raise ValueError("a socket is protected by its folder: leave out address, certificate and token")
        return self

    @model_validator(mode="after")
    def _is_protected_or_local(self) -> Self:
        try:
            local = ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            raise ValueError("address must be an IP address of this machine, for example 127.0.0.1 or 10.1.2.3") from None
        missing = [name for name in self.needed_by_others() if getattr(self, name) is None]
        if not local and missing:
            raise ValueError(f"an address that others can reach needs {', '.join(missing)}; without them leave out address")
        return self

    def needed_by_others(self) -> tuple[str, ...]:
        """What has to be said where others can reach it."""
        return ("certificate", "certificate_key")


def said(start: Start, status: str, words: str, *headers: tuple[str, str]) -> list[bytes]:
    """A plain answer."""
    body = f"{words}\n".encode()
    start(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), *headers])
    return [body]


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_SECONDS  # of each read, as socketserver wants it

    def address_string(self) -> str:
        return str(self.client_address)

    def get_environ(self) -> dict[str, Any]:
        if isinstance(self.client_address, str):  # a Unix socket knows no address of who asks
            self.client_address = ("local", 0)
        return super().get_environ()

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


class _Server(ThreadingMixIn, WSGIServer):
    """One thread a reader and few readers: whoever holds a connection open keeps only that one."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, answer: Application, tls: ssl.SSLContext | None) -> None:
        BaseServer.__init__(self, listening.getsockname(), _Handler)
        self.socket, self._tls, self._room = listening, tls, threading.BoundedSemaphore(MOST_AT_ONCE)
        self.server_name, self.server_port = "localhost", 0
        self.setup_environ()
        self.set_app(answer)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(PATIENCE_SECONDS)
        with self._tls.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        log.debug("whoever asked went away", exc_info=True)


@contextmanager
def serving(answer: Application, place: Place, name: str) -> Iterator[None]:
    """Serves `answer` while inside; `name` is the key of the site file, for messages. Raises EndpointProblem."""
    tls = _tls(place, name)
    with _listening(place, name) as listening:
        server = _Server(listening, answer, tls)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name=name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _tls(place: Place, name: str) -> ssl.SSLContext | None:
    if place.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(place.certificate, place.certificate_key)
    except OSError as error:  # ssl.SSLError is one
        files = f"{place.certificate} and {place.certificate_key}"
        why = error.strerror or str(error)
        raise EndpointProblem(f"{name}: {files} are no certificate and its key in PEM ({why})") from None
    return context


@contextmanager
def _listening(place: Place, name: str) -> Iterator[socket.socket]:
    if place.socket is not None:
        with _unix_socket(place.socket, name) as listening:
            yield listening
        return
    assert place.port is not None
    family = socket.AF_INET6 if ":" in place.address else socket.AF_INET
    try:
        listening = socket.create_server((place.address, place.port), family=family)
    except OSError as error:
        where = f"{place.address}, port {place.port}"
        raise EndpointProblem(f"{name}: cannot listen on {where} ({error.strerror}); choose another port") from None
    with listening:
        yield listening


@contextmanager
def _unix_socket(path: Path, name: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        try:
            _make_room(path)
            listening.bind(str(path))
            path.chmod(0o660)
            listening.listen()
        except OSError as error:
            raise EndpointProblem(f"{name}: no socket can be made at {path} ({error.strerror or error})") from None
        try:
            yield listening
        finally:
            path.unlink(missing_ok=True)


def _make_room(path: Path) -> None:
    """Takes away what a program that was killed left; raises OSError where something else is there or still answers."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(0, "something else is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise FileExistsError(0, "another program serves it")
