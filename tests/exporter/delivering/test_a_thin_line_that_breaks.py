"""64 kbit/s with 30 % loss, and a clock that is an hour off: everything arrives, once, in under 1 MB a day."""

from __future__ import annotations

import datetime as dt
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
import yaml
from fastapi import FastAPI

from acts_cast import STUDY, Ahead, Hospital
from relay import Line, relay
from studyscope_aggregator.app import create_app
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.keys import SigningKey
from studyscope_exporter.delivery.push import NotDelivered
from studyscope_exporter.handing_in import hand_in
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site
from tls_certificate import certificate

KBIT_64 = 8000.0
DAYS = 3


@dataclass
class Skewed(Ahead):
    """A machine whose clock is so many minutes ahead."""

    minutes: float = 0

    def now(self) -> dt.datetime:
        return super().now() + dt.timedelta(minutes=self.minutes)


def centre(hospital: Hospital, clock: Ahead) -> FastAPI:
    folder = hospital.folder / "centre"
    (folder / "studies").mkdir(parents=True)
    key = SigningKey.load(hospital.folder / "keys" / "signing.pem").public.text
    keys = [{"key": key, "valid_from": "2020-01-01", "valid_until": "2099-01-01"}]
    sites = {"sites": [{"id": "berlin", "registered": "2026-01-01", "keys": keys}]}
    (folder / "sites.yaml").write_text(yaml.safe_dump(sites))
    (folder / "studies" / "liver.yaml").write_text(STUDY.format(study="liver"))
    return create_app(CentreSettings(registry=folder, store=folder / "store.sqlite"), MemoryStore(), clock)


@contextmanager
def with_tls(app: FastAPI, pem: Path) -> Iterator[int]:
    """The application under a real uvicorn with TLS; its port."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, ssl_certfile=pem, ssl_keyfile=pem, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


def test_a_day_of_a_thin_line_with_loss_costs_less_than_a_megabyte(tmp_path: Path) -> None:
    hospital, clock, pem = Hospital(tmp_path / "berlin", patients=30), Ahead(), certificate(tmp_path)
    app, tries = centre(hospital, clock), 0
    with with_tls(app, pem) as port, relay(Line(KBIT_64, loss=0.3), port) as line:
        hospital.centre = f"https://127.0.0.1:{line.port}"
        hospital.write()
        hospital.file.write_text(hospital.file.read_text().replace("timeout_seconds: 5", f"timeout_seconds: 30, ca_file: {pem}"))
        hospital.scanned_and_approved()
        with Site(read_site_file(hospital.file), clock) as site:
            (study,) = site.studies
            for day in range(DAYS):
                clock.days = day
                site.release(study)
                while study.outbox.waiting():  # as the service does, without its pauses
                    tries += 1
                    with suppress(NotDelivered):
                        hand_in(site, study)
                    assert tries < 200
            assert study.outbox.last_delivered() == DAYS
        there = app.state.wiring.store.reports("liver", "berlin", 0, 100)
        assert [entry.receipt.sequence for entry in there] == list(range(1, DAYS + 1))
    assert line.broken > 0, "a line that never breaks proves nothing"
    sys.stdout.write(f"{DAYS} days, {tries} tries, {line.connections} connections, {line.broken} broken, {line.carried} bytes\n")
    assert line.carried / DAYS < 1_000_000


@pytest.mark.parametrize("minutes", [-60, 60])
def test_a_clock_that_is_an_hour_off_delivers_all_the_same(tmp_path: Path, minutes: float) -> None:
    hospital, pem = Hospital(tmp_path / "berlin", patients=2), certificate(tmp_path)
    theirs, ours = Ahead(), Skewed(minutes=minutes)
    with with_tls(centre(hospital, theirs), pem) as port:
        hospital.centre = f"https://127.0.0.1:{port}"
        hospital.write()
        hospital.file.write_text(hospital.file.read_text().replace("timeout_seconds: 5", f"timeout_seconds: 30, ca_file: {pem}"))
        with Site(read_site_file(hospital.file), ours) as site:
            (study,) = site.studies
            for day in range(3):
                ours.days = theirs.days = day
                site.release(study)
                assert hand_in(site, study).accepted == 1
