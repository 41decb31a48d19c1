"""Ports of the demo's servers, on 127.0.0.1 only: the usual ones, or free ones where those are taken."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

HOST = "127.0.0.1"
USUAL: Mapping[str, int] = MappingProxyType(
    {"aggregator": 8420, "prometheus": 8421, "alertmanager": 8422, "mails": 8423, "smtp": 8424, "grafana": 8425, "line": 8426}
)


@dataclass(frozen=True)
class Ports:
    """One port per server, and which of them are not the usual ones."""

    by_server: Mapping[str, int]
    moved: tuple[str, ...]

    def address(self, server: str) -> str:
        return f"{HOST}:{self.by_server[server]}"

    def url(self, server: str) -> str:
        return f"http://{self.address(server)}"


def choose_ports(usual: Mapping[str, int] = USUAL) -> Ports:
    """A port for every server; each socket stays open until all are chosen, so that none is given twice."""
    open_sockets, chosen, moved = [], {}, []
    try:
        for server, port in usual.items():
            found = _bound(port)
            if found is None:
                found = _bound(0)
                moved.append(server)
            if found is None:
                raise OSError(f"this machine gives no free port on {HOST} for {server}")
            open_sockets.append(found)
            chosen[server] = int(found.getsockname()[1])
    finally:
        for one in open_sockets:
            one.close()
    return Ports(chosen, tuple(moved))


def _bound(port: int) -> socket.socket | None:
    attempt = socket.socket()
    attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        attempt.bind((HOST, port))
    except OSError:
        attempt.close()
        return None
    return attempt
