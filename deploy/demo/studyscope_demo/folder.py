"""Where everything of a demo lies: one folder, which can be deleted when no demo runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DemoFolder:
    """The folder of one demo and the places in it."""

    root: Path

    @property
    def clock(self) -> Path:
        return self.root / "clock.json"

    @property
    def state(self) -> Path:
        """What the running demo says about itself, for `status`."""
        return self.root / "demo.json"

    @property
    def study(self) -> Path:
        return self.root / "study.yaml"

    @property
    def centre(self) -> Path:
        return self.root / "centre"

    @property
    def registry(self) -> Path:
        return self.centre / "registry"

    @property
    def centre_file(self) -> Path:
        return self.centre / "centre.yaml"

    @property
    def mail_links(self) -> Path:
        """The secret that signs the links in mails."""
        return self.centre / "mail-links"

    @property
    def alertmanager_config(self) -> Path:
        return self.program("alertmanager") / "alertmanager.yml"

    @property
    def mails(self) -> Path:
        return self.root / "mails"

    @property
    def lines_cut(self) -> Path:
        """One file per hospital whose line to the centre is down."""
        return self.root / "lines-cut"

    def hospital(self, site: str) -> Path:
        return self.root / "hospitals" / site

    def site_file(self, site: str) -> Path:
        return self.hospital(site) / "site.yaml"

    def waiting(self, site: str) -> Path:
        """Until when the hospital's exporter waits."""
        return self.root / "waiting" / site

    def program(self, name: str) -> Path:
        """The own folder of Prometheus, Alertmanager or Grafana."""
        return self.root / name

    def create(self) -> None:
        for place in (self.registry, self.mails, self.root / "waiting"):
            place.mkdir(parents=True, exist_ok=True)
