"""A site moves to a new machine: everything goes along, and the old machine never reports again."""

import json
from pathlib import Path

import pytest

from acts_cast import Ahead, Hospital, centre_of, shown
from studyscope_exporter.backing_up.contents import read_backup
from studyscope_exporter.backing_up.sealed_stream import SealedReader
from studyscope_exporter.retirement import MARK, Retired
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

PASSPHRASE = "correct horse battery staple"


def move(hospital: Hospital, target: Path) -> int:
    secret = hospital.folder / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    return hospital.run("move", str(target), "--passphrase-file", str(secret), "--confirm", "berlin")


def unpacked(target: Path, folder: Path, old: Hospital) -> Hospital:
    """The new machine, as `restore` leaves it."""
    with target.open("rb") as file:
        read_backup(SealedReader(file, PASSPHRASE), folder)
    new = object.__new__(Hospital)
    new.__dict__.update(old.__dict__ | {"folder": folder})
    return new


def test_the_new_machine_goes_on_where_the_old_one_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = Hospital(tmp_path / "old", patients=30)
    with centre_of(old) as (client, clock):
        old.scanned_and_approved()
        old.once(0)
        assert move(old, tmp_path / "site.sealed") == 0
        new = unpacked(tmp_path / "site.sealed", tmp_path / "new", old)
        new.admit(30)
        new.admit(40, start=100)
        for days in range(1, 18):
            clock.days = days
            new.once(days)
        last = client.get("/api/v1/sites/liver/berlin/last").json()["sequence"]

    assert "This machine is retired" in capsys.readouterr().out
    assert last == 18
    assert shown(new.newest(), "population") == {(): 70}
    assert [line["act"] for line in new.ledger()].count("moved") == 1
    assert new.run("ledger") == 0


@pytest.mark.parametrize("command", [["once", "--quiet"], ["scan"], ["status"], ["recover", "--key", "a", "--key", "b"]])
def test_the_old_machine_refuses_and_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    old = Hospital(tmp_path, patients=2)
    old.run("scan", "--quiet")
    move(old, tmp_path / "site.sealed")
    capsys.readouterr()

    assert old.run(*command) == 2
    assert "this site moved to another machine" in capsys.readouterr().err


def test_a_service_that_was_not_stopped_makes_no_report_any_more(tmp_path: Path) -> None:
    old = Hospital(tmp_path, patients=2)
    with Site(read_site_file(old.file), Ahead(0)) as running:
        assert move(old, tmp_path / "site.sealed") == 0
        with pytest.raises(Retired):
            running.release(running.studies[0])


def test_what_cannot_be_written_retires_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = Hospital(tmp_path, patients=2)

    assert move(old, tmp_path / "no folder" / "site.sealed") == 2
    assert "this machine stays in service" in capsys.readouterr().err
    assert old.run("scan", "--quiet") == 0


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    old = Hospital(tmp_path, patients=2)
    (tmp_path / "site.sealed").write_text("something else")

    assert move(old, tmp_path / "site.sealed") == 1
    assert (tmp_path / "site.sealed").read_text() == "something else"
    assert old.run("scan", "--quiet") == 0


def test_nothing_of_a_patient_or_a_key_is_readable_in_the_file(tmp_path: Path) -> None:
    old = Hospital(tmp_path, patients=3)
    old.run("scan", "--quiet")
    move(old, tmp_path / "site.sealed")
    raw = (tmp_path / "site.sealed").read_bytes()

    assert not any(word in raw for word in (b"CANARY", b"PRIVATE KEY", b"berlin", b"liver", MARK.encode()))
    new = unpacked(tmp_path / "site.sealed", tmp_path / "new", old)
    assert not (new.folder / "state" / MARK).exists()
    assert json.loads((new.folder / "state" / "last-scan.json").read_text())["sources"] == {"archive": None}
