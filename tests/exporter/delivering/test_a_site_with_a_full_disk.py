"""The disk of the site's state is full: the exporter says so, and once there is space every report arrives, once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from acts_cast import Ahead, Hospital, centre_of
from small_disk import SmallDisk, small_disk
from studyscope_contract.report import SignedReport
from studyscope_exporter.handing_in import signed_requests
from studyscope_exporter.inventory.errors import InventoryOutOfReach
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

LEFT = (4096, 40_000, 120_000, 300_000)
"""Bytes that are free when a run begins: it comes to its end of space at another step each time."""

pytestmark = pytest.mark.real


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Hospital, SmallDisk]]:
    with small_disk(tmp_path / "berlin" / "state", 8) as disk:
        yield Hospital(tmp_path / "berlin", patients=30), disk


def test_whatever_step_finds_the_disk_full_nothing_is_lost_and_nothing_is_there_twice(site: tuple[Hospital, SmallDisk]) -> None:
    hospital, disk = site
    with centre_of(hospital) as (_, clock):
        hospital.scanned_and_approved()
        hospital.once()
        for day, left in enumerate(LEFT, start=1):
            hospital.admit(15, start=15 + 15 * day)
            clock.days = day
            disk.fill(leave=left)
            with suppress(OSError, sqlite3.OperationalError, InventoryOutOfReach):
                hospital.once(day)
            disk.free()
            hospital.once(day)
        clock.days = 0
        with Site(read_site_file(hospital.file), Ahead()) as opened:
            client = opened.client(opened.studies[0])
            raw = list(client.own_reports(signed_requests(opened, opened.studies[0]), 0))
            client.close()

    reports = [SignedReport.from_bytes(one).report for one in raw]
    released = {line["sequence"]: line["content"] for line in hospital.ledger() if line["act"] == "release"}
    assert [report.sequence for report in reports] == list(range(1, len(released) + 1))
    assert {report.sequence: report.content for report in reports} == released
    assert len(reports) == 1 + len(LEFT)
    assert hospital.run("ledger", "verify") == 0


def test_the_message_says_that_the_disk_is_full_and_what_to_do(
    site: tuple[Hospital, SmallDisk], capsys: pytest.CaptureFixture[str]
) -> None:
    hospital, disk = site
    assert hospital.run("scan", "--quiet") == 0
    disk.fill()
    capsys.readouterr()

    assert hospital.run("once", "--quiet") == 1

    said = capsys.readouterr().err
    assert "free space" in said
    assert "nothing is lost" in said
    assert "Delete" not in said
    disk.free()
    assert hospital.run("scan", "--quiet") == 0
