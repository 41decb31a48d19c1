"""The ordinary aggregator, given the demo's clock; nothing else in it is special."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import uvicorn
from studyscope_aggregator.app import create_app

from studyscope_aggregator.settings import read_settings
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_demo.clock import DemoClock
from studyscope_demo.folder import DemoFolder


def main(root: str) -> None:
    """Serves until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    folder = DemoFolder(Path(root))
    settings = read_settings(folder.centre_file)
    app = create_app(settings, SqliteStore(settings.store), DemoClock(folder.clock))
    uvicorn.run(app, host=settings.listen.host, port=settings.listen.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
