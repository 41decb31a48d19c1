"""Backups put back and machines that were copied: recognised, refused at both ends, told in clear words."""

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from acts_cast import Ahead, Hospital, centre_of, shown
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.stores.opened import open_store


@dataclass
class Centre:
    client: httpx.Client
    clock: Ahead

    def day(self, hospital: Hospital, days: int) -> None:
        """A day of the hospital while the centre is there."""
        self.clock.days = days
        hospital.once(days)

    @property
    def last(self) -> int:
        sequence: int = self.client.get("/api/v1/sites/liver/berlin/last").json()["sequence"]
        return sequence

    def refused(self) -> list[str]:
        """The centre's own counts of what it refused this site."""
        text = self.client.get("/metrics").text
        return [line for line in text.splitlines() if line.startswith("study_site_refused_reports{")]


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    hospital = Hospital(tmp_path / "first", patients=30)
    hospital.scanned_and_approved()
    return hospital


@pytest.fixture
def centre(hospital: Hospital) -> Iterator[Centre]:
    with centre_of(hospital) as (client, clock):
        yield Centre(client, clock)


def copied(hospital: Hospital, name: str) -> Hospital:
    """Another machine with everything of this one."""
    shutil.copytree(hospital.folder, hospital.folder.parent / name, ignore=shutil.ignore_patterns("centre"))
    other = object.__new__(Hospital)
    other.__dict__.update(hospital.__dict__ | {"folder": hospital.folder.parent / name})
    return other


def said(hospital: Hospital, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    hospital.run("status")
    return " ".join(capsys.readouterr().out.split())


def test_a_backup_put_back_sends_nothing_and_says_why(
    hospital: Hospital, centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    centre.day(hospital, 0)
    shutil.copytree(hospital.folder / "state", hospital.folder / "backup")
    for days in range(1, 4):
        centre.day(hospital, days)
    shutil.rmtree(hospital.folder / "state")
    (hospital.folder / "backup").rename(hospital.folder / "state")

    for days in range(4, 12):
        centre.day(hospital, days)

    assert centre.last == 4, "not one report of the old state was taken"
    assert "it was put back from a backup, or another machine uses this site's key" in said(hospital, capsys)
    assert hospital.run("status") == 2
    assert [line["act"] for line in hospital.ledger()].count("overtaken") == 1


def test_of_two_machines_with_one_key_the_one_that_comes_second_stops(
    hospital: Hospital, centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    """As long as both say the same, byte for byte, nothing is told twice; the first difference is refused."""
    centre.day(hospital, 0)
    clone = copied(hospital, "clone")
    clone.admit(20, start=700)

    for days in range(1, 18):
        centre.day(hospital, days)
        centre.day(clone, days)

    assert centre.last == 18
    assert len(centre.refused()) == 1
    assert "CRITICAL" in said(clone, capsys)
    assert "another machine" not in said(hospital, capsys)


def test_two_machines_that_release_while_the_centre_is_away_are_found_out_by_the_first_conflict(
    hospital: Hospital, centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each made its own report 2; the centre takes one, refuses the other, and counts that."""
    centre.day(hospital, 0)
    clone, address = copied(hospital, "clone"), hospital.centre
    for machine, days in ((hospital, 2), (clone, 3)):
        machine.centre = "http://127.0.0.1:9"
        machine.write()
        machine.once(days)
        machine.centre = address
        machine.write()
    centre.day(hospital, 3)
    centre.day(clone, 3)

    assert "Nothing is sent" in said(clone, capsys)
    assert centre.last == 3


def test_a_conflict_is_told_to_both_ends(hospital: Hospital, centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither is ahead of the other; only their second reports differ."""
    centre.day(hospital, 0)
    clone = copied(hospital, "clone")
    clone.admit(20, start=700)
    clone.write()
    centre.day(hospital, 1)
    centre.clock.days = 2
    address, clone.centre = clone.centre, "http://127.0.0.1:9"
    clone.write()
    clone.once(2)
    clone.centre = address
    clone.write()
    clone.once(2)

    assert 'study_site_refused_reports{study="liver",site="berlin",reason="conflicting"} 1' in centre.refused()
    assert "another machine uses this site's key" in said(clone, capsys)
    assert centre.last == 2


def test_a_machine_that_lost_its_folder_does_not_begin_anew(
    hospital: Hospital, centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    centre.day(hospital, 0)
    shutil.rmtree(hospital.folder / "state")
    hospital.scanned_and_approved()

    for days in range(1, 9):
        centre.day(hospital, days)

    assert centre.last == 1
    assert 'study_patients{study="liver",site="berlin"} 30' in centre.client.get("/metrics").text
    assert "see recover" in said(hospital, capsys)


def test_the_word_of_a_centre_without_a_signed_report_stops_nobody(
    hospital: Hospital, centre: Centre, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A centre that says that it has report 99 and cannot show it has a fault of its own."""
    monkeypatch.setattr("studyscope_exporter.delivery.push.CentreClient.last_sequence", lambda *_: 99)
    centre.day(hospital, 0)
    centre.day(hospital, 1)

    assert centre.last == 2
    assert shown(hospital.newest(), "population") == {(): 30}
    assert "another machine" not in said(hospital, capsys)


@pytest.mark.parametrize(("act", "stopped"), [("retract", True), ("purge", False)])
def test_reports_that_the_centre_retracted_since_prove_a_backup_too(
    hospital: Hospital, centre: Centre, capsys: pytest.CaptureFixture[str], act: str, stopped: bool
) -> None:
    """All that the site sent after the backup was taken back: what was shown then was seen all the same.

    What was purged cannot be shown any more; the centre goes on refusing such numbers, and says so.
    """
    centre.day(hospital, 0)
    shutil.copytree(hospital.folder / "state", hospital.folder / "backup")
    for days in range(1, 4):
        centre.day(hospital, days)
    shutil.rmtree(hospital.folder / "state")
    (hospital.folder / "backup").rename(hospital.folder / "state")
    taken_back(hospital, act, 2, 4)

    for days in range(4, 7):
        centre.day(hospital, days)

    assert centre.last == 4, "not one report of the old state was taken"
    assert ("it was put back from a backup" in said(hospital, capsys)) is stopped
    assert [line["act"] for line in hospital.ledger()].count("overtaken") == int(stopped)


def taken_back(hospital: Hospital, act: str, first: int, last: int) -> None:
    store = open_store(
        CentreSettings(registry=hospital.folder / "centre", store=hospital.folder / "centre" / "store.sqlite").store
    )
    getattr(store, act)("liver", "berlin", first, last, "a mistake", dt.datetime.now(dt.UTC)).result()
    store.close()
