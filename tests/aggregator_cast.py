"""The cast of the aggregator's tests: Berlin reports, Lyon reports late, Oslo has never reported."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx
import uvicorn
import yaml
from fastapi import FastAPI

from studyscope_aggregator.settings import CentreSettings, RemoteWrite
from studyscope_contract.grid import Grid
from studyscope_contract.keys import SigningKey
from studyscope_contract.policy import Policy
from studyscope_contract.report import Cell, PolicyStatement, ProtectedTable, Report, ShownUnit, SignedReport, SiteFacts

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
TODAY = Grid().index(NOW)
"""Number of the daily grid point of NOW."""

SITES = ("berlin", "lyon", "oslo")


class StandingClock:
    """Shows `moment` until somebody moves it."""

    def __init__(self, moment: dt.datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> dt.datetime:
        return self.moment


class Centre:
    """A registry folder with one study, `liver`, and a key for each site."""

    def __init__(self, folder: Path, sites: tuple[str, ...] = SITES) -> None:
        self.folder, self.sites = folder, sites
        self.keys = {site: SigningKey.generate() for site in sites}
        (folder / "studies").mkdir(parents=True)
        self.write_study()
        self.write_sites()

    def settings(self, remote_write: RemoteWrite | None = None) -> CentreSettings:
        return CentreSettings(registry=self.folder, store=self.folder / "store.sqlite", remote_write=remote_write)

    def write_study(self, version: int = 1, **more: object) -> None:
        (self.folder / "studies" / "liver.yaml").write_text(yaml.safe_dump(a_study(self.sites, version) | more), encoding="utf-8")

    def write_sites(self, until: str = "2027-12-31") -> None:
        rows = [
            {
                "id": site,
                "registered": "2026-01-01",
                "keys": [{"key": key.public.text, "valid_from": "2026-01-01", "valid_until": until}],
                "contacts": [{"role": "site_it", "name": "IT", "mail": f"it@{site}.example"}],
            }
            for site, key in self.keys.items()
        ]
        (self.folder / "sites.yaml").write_text(yaml.safe_dump({"sites": rows}), encoding="utf-8")

    def signed(self, report: Report, key: SigningKey | None = None) -> SignedReport:
        return SignedReport.sign(report, key or self.keys[report.site])


def a_study(sites: tuple[str, ...] = SITES, version: int = 1) -> dict[str, object]:
    return {
        "schema": 1,
        "id": "liver",
        "title": "Liver lesions",
        "version": version,
        "leads": [{"name": "A. Lead", "mail": "lead@centre.example"}],
        "structures": [{"code": "liver", "label": "Liver"}],
        "workflows": [{"id": "segment", "title": "Segment", "model": "liver-net", "version": "1"}],
        "sites": [
            {
                "id": site,
                "name": f"Hospital {site}",
                "city": site.title(),
                "latitude": 52.5,
                "longitude": 13.4,
                "member_from": "2026-01-01",
                "targets": [{"patients": 200, "by": "2026-12-31", "valid_from": "2026-01-01"}],
            }
            for site in sites
        ],
    }


def a_table(
    table: str = "population", cells: dict[tuple[str, ...], int] | None = None, per: str = "", unit: ShownUnit = "patient"
) -> ProtectedTable:
    shown = {(): 40} if cells is None else cells
    return ProtectedTable(
        table=table,
        per=per,
        version=1,
        released=TODAY - 30,
        unit=unit,
        cells=tuple(Cell(codes=codes, value=value) for codes, value in shown.items()),
    )


def a_report(
    site: str = "berlin",
    sequence: int = 1,
    grid_point: int = TODAY,
    tables: tuple[ProtectedTable, ...] | None = None,
    *,
    policy: PolicyStatement | None = None,
    study: str = "liver",
    activity: str = "active",
    facts: SiteFacts | None = None,
) -> Report:
    stated = policy or PolicyStatement.of(Policy())
    said = facts or SiteFacts(
        release="0.1.0",
        study_version=1,
        sources={"folder": True},
        storage="ok",
        key_months=12,
        tables={"population": "offered", "sex": "offered", "stage": "not_approved"},
    )
    shown = (a_table(),) if tables is None else tables
    return Report.model_validate(
        {
            "study": study,
            "site": site,
            "sequence": sequence,
            "grid_point": grid_point,
            "activity": activity,
            "policy": stated,
            "facts": said,
            "tables": shown,
            "content": Report.hash_of(stated, said, shown),
        }
    )


@contextmanager
def served(app: FastAPI, port: int = 0) -> Iterator[httpx.Client]:
    """The application under a real uvicorn on `port` of the loopback, by default a free one."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
