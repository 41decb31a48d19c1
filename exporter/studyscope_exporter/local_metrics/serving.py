"""The gauges over HTTP: on a port, with TLS and a token where the site file says so, or on a Unix socket."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, make_wsgi_app

from studyscope_exporter.local_metrics.settings import LocalMetricsSettings
from studyscope_exporter.servers.secret import SecretProblem
from studyscope_exporter.small_server import Application, EndpointProblem, Start, said, serving

PATH = "/metrics"


def application(registry: CollectorRegistry, token: str | None) -> Application:
    """Answers GET /metrics, to those who have the token where there is one."""
    page = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "")
        if token is not None and not hmac.compare_digest(given.encode("latin-1", "replace"), f"Bearer {token}".encode()):
            return said(start, "401 Unauthorized", "send the token of local_metrics as: Authorization: Bearer", _BEARER)
        if environ.get("PATH_INFO") != PATH:
            return said(start, "404 Not Found", f"the gauges are at {PATH}")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return said(start, "405 Method Not Allowed", "gauges can only be read")
        shown: Iterable[bytes] = page(environ, start)
        return shown

    return answer


_BEARER = ("WWW-Authenticate", 'Bearer realm="studyscope"')


@contextmanager
def served(registry: CollectorRegistry, settings: LocalMetricsSettings | None) -> Iterator[None]:
    """Serves the registry while inside, where the site file says so; raises EndpointProblem."""
    if settings is None:
        yield
        return
    with serving(application(registry, _token(settings)), settings, "local_metrics"):
        yield


def _token(settings: LocalMetricsSettings) -> str | None:
    try:
        return None if settings.token is None else settings.token.read()
    except SecretProblem as problem:
        raise EndpointProblem(f"local_metrics, token: {problem}") from None
