"""A centre as a program of its own, with a clock so many days ahead: `centre_ahead.py FOLDER PORT DAYS`.

FOLDER holds the registry and gets the store. systemd's socket, where there is one, is told when it is ready.
"""

from __future__ import annotations

import sys
from pathlib import Path

from acts_cast import Ahead
from studyscope_aggregator.app import create_app
from studyscope_aggregator.serving import serve
from studyscope_aggregator.settings import CentreSettings, Listen
from studyscope_aggregator.stores.opened import open_store


def main() -> None:
    folder, port, days = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    settings = CentreSettings(registry=folder, store=folder / "store.sqlite")
    serve(create_app(settings, open_store(settings.store), Ahead(days)), Listen(port=port))


if __name__ == "__main__":
    main()
