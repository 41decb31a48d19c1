"""A hospital whose people do more than release: a site of real files, its two approvers, and its commands."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from aggregator_cast import served
from site_cast import write_patient
from studyscope_aggregator.app import create_app
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import Report, SignedReport
from studyscope_exporter.cli import main
from studyscope_exporter.commands.once import once
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

STUDY = """\
schema: 1
id: {study}
title: Liver
version: 1
leads: [{{name: Dr. Lead, mail: lead@study.example}}]
sites: [{{id: berlin, name: Berlin, city: Berlin, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}}]
cohort: {{modalities: [CT]}}
stages: [imaged]
"""


@dataclass
class Ahead:
    """The clock of the machine, so many days ahead; it waits for nothing."""

    days: int = 0

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(days=self.days)

    def sleep_until(self, moment: dt.datetime) -> None:
        pass

    def wake(self) -> None:
        pass


@dataclass
class Hospital:
    """A site in `folder`; `sources` and `policy` are YAML of its site file."""

    folder: Path
    patients: int = 0
    studies: tuple[str, ...] = ("liver",)
    sources: str = ""
    policy: str = "{}"
    centre: str = "http://127.0.0.1:9"

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for name in ("dpo", "head"):
            SigningKey.generate().save(self.folder / f"{name}.pem")
        self.admit(self.patients)
        self.write()
        assert self.run("keygen") == 0

    @property
    def file(self) -> Path:
        return self.folder / "site.yaml"

    def admit(self, count: int, start: int = 0) -> None:
        for number in range(start, start + count):
            write_patient(self.folder / "dicom", number, "F" if number % 2 else "M")

    def write(self) -> None:
        """Writes the site file as it is to be now."""
        keys = {name: SigningKey.load(self.folder / f"{name}.pem").public.text for name in ("dpo", "head")}
        approvers = ", ".join(f"{{name: {name}, key: '{key}'}}" for name, key in keys.items())
        lines = [
            "site: berlin\nstate: state\nkeys: keys\nsources:\n  - {name: archive, kind: folder, path: dicom}",
            *self.sources.splitlines(),
            "studies:",
        ]
        for study in self.studies:
            (self.folder / f"{study}.yaml").write_text(STUDY.format(study=study))
            lines.append(f"  - study_file: {study}.yaml\n    centre: {{url: '{self.centre}', timeout_seconds: 5}}")
            lines.append(f"    policy: {self.policy}\n    approvers: [{approvers}]")
        self.file.write_text("\n".join(lines) + "\n")

    def run(self, *arguments: str) -> int:
        return main(["--config", str(self.file), *arguments])

    def scanned_and_approved(self) -> None:
        assert self.run("scan", "--quiet") == 0
        for name in ("dpo", "head"):
            assert self.run("approve", "--key", str(self.folder / f"{name}.pem"), "--yes") == 0

    def once(self, days: int = 0) -> Report:
        """Releases, scans and delivers as it would be so many days from now; the newest report of the first study."""
        with Site(read_site_file(self.file), Ahead(days)) as site:
            once(site, quiet=True, wait_at_most=dt.timedelta())
        return self.newest()

    def newest(self, study: str | None = None) -> Report:
        reports = sorted((self.folder / "state" / "studies" / (study or self.studies[0]) / "outbox").glob("*/*.json"))
        return SignedReport.from_bytes(max(reports, key=lambda path: path.name).read_bytes()).report

    def ledger(self, study: str | None = None) -> list[dict[str, Any]]:
        path = self.folder / "state" / "studies" / (study or self.studies[0]) / "domain" / "ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


def shown(report: Report, table: str) -> dict[tuple[str, ...], int]:
    """The numbers of one table of a report."""
    return {cell.codes: cell.value for one in report.tables if one.table == table for cell in one.cells}


@contextmanager
def centre_of(*hospitals: Hospital) -> Iterator[tuple[httpx.Client, Ahead]]:
    """A real centre that knows the key of the hospitals (one site, perhaps on two machines), and its clock."""
    first, clock = hospitals[0], Ahead()
    folder = first.folder / "centre"
    (folder / "studies").mkdir(parents=True)
    key = SigningKey.load(first.folder / "keys" / "signing.pem").public.text
    keys = [{"key": key, "valid_from": "2020-01-01", "valid_until": "2099-01-01"}]
    sites = {"sites": [{"id": "berlin", "registered": "2026-01-01", "keys": keys}]}
    (folder / "sites.yaml").write_text(yaml.safe_dump(sites))
    for study in first.studies:
        (folder / "studies" / f"{study}.yaml").write_text(STUDY.format(study=study))
    settings = CentreSettings(registry=folder, store=folder / "store.sqlite")
    with served(create_app(settings, open_store(settings.store), clock)) as client:
        for hospital in hospitals:
            hospital.centre = str(client.base_url).rstrip("/")
            hospital.write()
        yield client, clock
