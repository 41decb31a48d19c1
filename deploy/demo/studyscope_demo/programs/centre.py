"""The ordinary aggregator, given the demo's clock; nothing else in it is special."""

from __future__ import annotations

import sys
from pathlib import Path

from studyscope_aggregator.app import create_app
from studyscope_aggregator.serving import log_to_stderr, serve
from studyscope_aggregator.settings import read_settings
from studyscope_aggregator.stores.opened import open_store
from studyscope_demo.clock import DemoClock
from studyscope_demo.folder import DemoFolder


def main(root: str) -> None:
    """Serves until SIGTERM."""
    log_to_stderr(verbose=False)
    folder = DemoFolder(Path(root))
    settings = read_settings(folder.centre_file)
    serve(create_app(settings, open_store(settings.store), DemoClock(folder.clock)), settings.listen)


if __name__ == "__main__":
    main(*sys.argv[1:])
