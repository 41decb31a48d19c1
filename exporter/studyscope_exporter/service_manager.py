"""Tells systemd that the service is ready and lives (sd_notify(3)); says nothing where nobody listens."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Mapping

from studyscope_exporter.clock import SystemClock

EVERY = dt.timedelta(seconds=10)


class ServiceManager:
    """What started us, found through $NOTIFY_SOCKET."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(message.encode(), self._address)


class LivingClock(SystemClock):
    """The clock of the machine; each look at it is a sign of life.

    The service looks at the clock with every file that it reads and every minute that it waits, so one
    that hangs gives no sign.
    """

    def __init__(self, manager: ServiceManager) -> None:
        super().__init__()
        self._manager = manager
        self._told: dt.datetime | None = None

    def now(self) -> dt.datetime:
        moment = super().now()
        if self._told is None or abs(moment - self._told) >= EVERY:
            self._tell(moment)
        return moment

    def ready(self) -> None:
        """What a service tells once everything is open; its time to the next sign of life begins then."""
        self._manager.tell("READY=1")
        self._tell(super().now())

    def _tell(self, moment: dt.datetime) -> None:
        self._told = moment
        self._manager.tell("WATCHDOG=1")
