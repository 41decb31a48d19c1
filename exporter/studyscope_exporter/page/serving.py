"""The page on its address: by a command of its own, or beside the service."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from studyscope_contract.yaml_file import FileProblem, Problem
from studyscope_exporter.clock import Clock
from studyscope_exporter.extras import ExtraMissing
from studyscope_exporter.page.password import read_hash
from studyscope_exporter.page.sessions import Attempts, Sessions
from studyscope_exporter.page.settings import PageSettings
from studyscope_exporter.settings import SiteSettings
from studyscope_exporter.small_server import EndpointProblem

if TYPE_CHECKING:
    import uvicorn


def page_server(settings: SiteSettings, page: PageSettings, clock: Clock) -> uvicorn.Server:
    """A server that is ready to run; raises ExtraMissing, and FileProblem where the password or the certificate is not there."""
    try:
        import uvicorn

        from studyscope_exporter.page.app import Desk, create_app, templates
    except ImportError:
        raise ExtraMissing("page", "the hospital's own page") from None
    password = read_hash(page.password_file)
    _try_certificate(page)
    sessions = Sessions(clock.now, dt.timedelta(minutes=page.session_minutes))
    desk = Desk(settings, page, clock, password, sessions, Attempts(clock.now), templates())
    config = uvicorn.Config(
        create_app(desk),
        host=page.address,
        port=page.port,
        ssl_certfile=page.certificate,
        ssl_keyfile=page.certificate_key,
        log_level="warning",
        log_config=None,  # into the program's own log, which keeps values out
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    return uvicorn.Server(config)


def _try_certificate(page: PageSettings) -> None:
    if page.certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(page.certificate, page.certificate_key)
    except OSError as error:  # ssl.SSLError is one
        why = f"with certificate_key {page.certificate_key} it is no certificate in PEM ({error.strerror or error})"
        raise FileProblem(page.certificate, [Problem(0, "page", why)]) from None


def listening(page: PageSettings) -> socket.socket:
    """The page's port, taken; raises EndpointProblem."""
    family = socket.AF_INET6 if ":" in page.address else socket.AF_INET
    try:
        return socket.create_server((page.address, page.port), family=family)
    except OSError as error:
        where = f"{page.address}, port {page.port}"
        raise EndpointProblem(f"page: cannot listen on {where} ({error.strerror}); choose another port") from None


@contextmanager
def served_beside(settings: SiteSettings, clock: Clock) -> Iterator[None]:
    """Serves the page in a thread while inside, where the site file has one."""
    if settings.page is None:
        yield
        return
    server = page_server(settings, settings.page, clock)
    with listening(settings.page) as port:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [port]}, name="page", daemon=True)
        thread.start()
        while thread.is_alive() and not server.started:
            time.sleep(0.02)
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(timeout=10)
