"""A centre that comes back from a backup names the last report that it has, and the site sends the later ones again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from acts_cast import Ahead, Hospital, centre_of
from aggregator_cast import served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport
from studyscope_exporter.delivery.outbox import Outbox


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path / "berlin", patients=2)


def copied(store: Path, to: Path) -> None:
    with closing(sqlite3.connect(store)) as there, closing(sqlite3.connect(to)) as here:
        there.backup(here)


def outbox_of(hospital: Hospital) -> Outbox:
    return Outbox(hospital.folder / "state" / "studies" / "liver" / "outbox")


def test_the_missing_reports_come_by_themselves_each_once(hospital: Hospital, capfd: pytest.CaptureFixture[str]) -> None:
    backup = hospital.folder / "centre" / "backup.sqlite"
    with centre_of(hospital) as (_, clock):
        hospital.once()
        copied(hospital.folder / "centre" / "store.sqlite", backup)
        for clock.days in (1, 2):
            hospital.once(clock.days)
    assert (outbox_of(hospital).last_delivered(), outbox_of(hospital).waiting()) == (3, [])

    settings = CentreSettings(registry=hospital.folder / "centre", store=backup)
    with served(create_app(settings, open_store(backup), Ahead(3))) as client:
        hospital.centre = str(client.base_url).rstrip("/")
        hospital.write()
        hospital.once(3)
        store = open_store(backup)
        found = [entry.receipt.sequence for entry in store.reports("liver", "berlin", 0, 9)]
        store.close()

    assert found == [1, 2, 3, 4]
    assert (outbox_of(hospital).last_delivered(), outbox_of(hospital).waiting()) == (4, [])
    assert json.loads(outbox_of(hospital).receipt(2) or "")["sequence"] == 2


def test_a_site_without_a_line_brings_them_in_a_file(hospital: Hospital, tmp_path: Path) -> None:
    with centre_of(hospital) as (_, clock):
        for clock.days in (0, 1, 2):
            hospital.once(clock.days)

    assert hospital.run("export-report", str(tmp_path / "again"), "--after", "1") == 0

    lines = (tmp_path / "again").read_bytes().splitlines()
    assert [SignedReport.from_bytes(line).report.sequence for line in lines] == [2, 3]
    assert [one.sequence for one in outbox_of(hospital).waiting()] == [2, 3]


def test_what_a_key_of_before_signed_is_signed_by_the_key_of_today(hospital: Hospital) -> None:
    with centre_of(hospital):
        hospital.once()
    path = hospital.folder / "state" / "studies" / "liver" / "outbox" / "delivered" / "0000000001.json"
    signed = SignedReport.from_bytes(path.read_bytes())
    path.write_bytes(SignedReport.sign(signed.report, SigningKey.generate()).to_bytes())

    assert hospital.run("export-report", str(hospital.folder / "again"), "--after", "0") == 0

    assert (hospital.folder / "again").read_bytes().splitlines() == [signed.to_bytes()]
