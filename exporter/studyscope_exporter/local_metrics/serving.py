"""The gauges over HTTP: on a port, with TLS and a token where the site file says so, or on a Unix socket.

EndpointProblem      the gauges cannot be served as the site file says
"""

from __future__ import annotations

import hmac
import logging
import socket
import ssl
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from studyscope_exporter.local_metrics.settings import LocalMetricsSettings
from studyscope_exporter.servers.secret import SecretProblem

log = logging.getLogger(__name__)

PATH = "/metrics"
PATIENCE_SECONDS = 10.0
MOST_AT_ONCE = 8

Start = Callable[..., Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]


class EndpointProblem(Exception):
    """The message says what of `local_metrics` cannot be used, and what to do."""


def application(registry: CollectorRegistry, token: str | None) -> Application:
    """Answers GET /metrics, to those who have the token where there is one."""
    page = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "")
        if token is not None and not hmac.compare_digest(given.encode("latin-1", "replace"), f"Bearer {token}".encode()):
            return _said(start, "401 Unauthorized", "send the token of local_metrics as: Authorization: Bearer", _BEARER)
        if environ.get("PATH_INFO") != PATH:
            return _said(start, "404 Not Found", f"the gauges are at {PATH}")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _said(start, "405 Method Not Allowed", "gauges can only be read")
        shown: Iterable[bytes] = page(environ, start)
        return shown

    return answer


_BEARER = ("WWW-Authenticate", 'Bearer realm="studyscope"')


def _said(start: Start, status: str, words: str, *headers: tuple[str, str]) -> list[bytes]:
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
        log.debug("a reader of the gauges went away", exc_info=True)


@contextmanager
def served(registry: CollectorRegistry, settings: LocalMetricsSettings | None) -> Iterator[None]:
    """Serves the registry while inside, where the site file says so; raises EndpointProblem."""
    if settings is None:
        yield
        return
    token, tls = _token(settings), _tls(settings)
    with _listening(settings) as listening:
        server = _Server(listening, application(registry, token), tls)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="gauges", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _token(settings: LocalMetricsSettings) -> str | None:
    try:
        return None if settings.token is None else settings.token.read()
    except SecretProblem as problem:
        raise EndpointProblem(f"local_metrics, token: {problem}") from None


def _tls(settings: LocalMetricsSettings) -> ssl.SSLContext | None:
    if settings.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.certificate, settings.certificate_key)
    except OSError as error:  # ssl.SSLError is one
        files = f"{settings.certificate} and {settings.certificate_key}"
        why = error.strerror or str(error)
        raise EndpointProblem(f"local_metrics: {files} are no certificate and its key in PEM ({why})") from None
    return context


@contextmanager
def _listening(settings: LocalMetricsSettings) -> Iterator[socket.socket]:
    if settings.socket is not None:
        with _unix_socket(settings.socket) as listening:
            yield listening
        return
    assert settings.port is not None
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    try:
        listening = socket.create_server((settings.address, settings.port), family=family)
    except OSError as error:
        where = f"{settings.address}, port {settings.port}"
        raise EndpointProblem(f"local_metrics: cannot listen on {where} ({error.strerror}); choose another port") from None
    with listening:
        yield listening


@contextmanager
def _unix_socket(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        try:
            _make_room(path)
            listening.bind(str(path))
            path.chmod(0o660)
            listening.listen()
        except OSError as error:
            raise EndpointProblem(f"local_metrics: no socket can be made at {path} ({error.strerror or error})") from None
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
