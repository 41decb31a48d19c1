"""A hospital that lets nothing out but has a door, and a centre that comes to fetch."""

from __future__ import annotations

import socket
from pathlib import Path

import yaml

from acts_cast import Ahead, Hospital
from aggregator_cast import Centre, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.cli import main as aggregator
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.commands.fetch import fetch_all
from studyscope_aggregator.settings import CentreSettings, FetchedSite, Listen, read_settings
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.keys import SigningKey
from studyscope_exporter.delivery.fetched import fetchable
from studyscope_exporter.handing_in import shelves_of
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site
from studyscope_exporter.small_server import Place

CENTRE = SigningKey.generate()


class Consortium:
    """A centre that knows no key of berlin, and berlin, which lets nothing out but has a door."""

    def __init__(self, folder: Path) -> None:
        self.centre = Centre(folder / "registry")
        (self.centre.folder / "sites.yaml").unlink()
        CENTRE.save(folder / "centre.pem")
        self.file = folder / "centre.yaml"
        self.file.write_text(yaml.safe_dump({"registry": "registry", "store": "reports.sqlite", "key": "centre.pem"}))
        self.hospital = Hospital(folder / "berlin", patients=2)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        fetched = f"keys: ['{CENTRE.public.text}'], delivery: fetched"
        text = self.hospital.file.read_text().replace("timeout_seconds: 5", fetched)
        self.hospital.file.write_text(text.replace("studies:\n", f"fetched: {{port: {self.port}}}\nstudies:\n"))
        self.key = SigningKey.load(self.hospital.folder / "keys" / "signing.pem").public

    def at_the_centre(self, *arguments: str) -> int:
        return aggregator([*arguments, "--config", str(self.file)])

    def visited(self, *, site: str = "berlin") -> bool:
        """One round of the centre, which was started anew for it."""
        door = FetchedSite(site=site, study="liver", url=f"http://127.0.0.1:{self.port}")
        settings: CentreSettings = read_settings(self.file).model_copy(update={"fetch": (door,)})
        opened = Site(read_site_file(self.hospital.file), Ahead())
        with opened as open_site, served(create_app(settings, MemoryStore(), SystemClock())) as client:
            own = Listen(port=client.base_url.port or 0)
            with fetchable(shelves_of(open_site), Place(port=self.port), SystemClock()):
                return fetch_all(settings.model_copy(update={"listen": own}), CENTRE, SystemClock())
