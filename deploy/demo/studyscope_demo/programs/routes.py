"""Keeps Alertmanager's routes as the readers' choices are, as `configure follow` does at a real centre, on the demo's clock."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from studyscope_dashboards.following import Alertmanager, follow
from studyscope_demo.clock import DemoClock
from studyscope_demo.folder import DemoFolder
from studyscope_demo.mail_routes import read_by_mail_routes, write_mail_routes
from studyscope_demo.ports import Ports


def main(root: str, ports_by_server: str) -> None:
    """Follows until SIGTERM."""
    folder, ports = DemoFolder(Path(root)), Ports(json.loads(ports_by_server), ())
    follow(
        lambda today: write_mail_routes(folder, ports, today),
        lambda: read_by_mail_routes(folder),
        Alertmanager(ports.url("alertmanager")),
        now=DemoClock(folder.clock).now,
        wait=time.sleep,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
