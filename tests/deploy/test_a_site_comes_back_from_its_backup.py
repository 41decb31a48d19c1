"""`backup` and `restore` of a site: everything is there again, to the byte and to the next report; a cut or foreign file is refused."""

from __future__ import annotations

import io
import sqlite3
import threading
from pathlib import Path

import pytest

from site_cast import write_patient
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import SignedReport
from studyscope_exporter.backing_up.sealed_stream import PIECE, BackupProblem, SealedReader, SealedWriter
from studyscope_exporter.cli import main
from studyscope_exporter.inventory.schema import SCHEMA

STUDY = """\
schema: 1
id: liver
title: Liver
version: 1
leads: [{name: Dr. Lead, mail: lead@study.example}]
sites: [{id: berlin, name: Berlin, city: Berlin, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}]
stages: [imaged]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site that has released once, and a passphrase in a file."""
    folder = tmp_path / "site"
    folder.mkdir()
    approver = SigningKey.generate()
    approver.save(tmp_path / "approver.pem")
    (folder / "liver.yaml").write_text(STUDY)
    for number in range(30):
        write_patient(tmp_path / "dicom", number)
    path = folder / "site.yaml"
    main(["--config", str(path), "init", "--study-file", str(folder / "liver.yaml"), "--site", "berlin", "--centre", "http://127.0.0.1:9",
          "--dicom", str(tmp_path / "dicom"), "--approver", f"DPO={approver.public.text}"])  # fmt: skip
    run(path, "scan", "--quiet")
    run(path, "approve", "--key", str(tmp_path / "approver.pem"), "--yes")
    run(path, "once", "--quiet")
    (tmp_path / "passphrase").write_text("correct horse battery\n")
    return path


def run(site: Path, *arguments: str) -> int:
    return main(["--config", str(site), *arguments])


def back_up(site: Path) -> Path:
    target = site.parent.parent / "backup"
    assert run(site, "backup", str(target), "--passphrase-file", str(site.parent.parent / "passphrase")) == 0
    return target


def restore(backup: Path, into: Path, passphrase: str = "passphrase") -> int:
    return main(["restore", str(backup), "--into", str(into), "--passphrase-file", str(backup.parent / passphrase)])


def test_a_site_comes_back_whole_and_goes_on_where_it_was(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup, again = back_up(site), tmp_path / "again"

    assert restore(backup, again) == 0
    for part in ("site.yaml", "liver.yaml", "keys/signing.pem", "keys/site.secret", "state/studies/liver/domain/state.bin"):
        assert (again / part).read_bytes() == (site.parent / part).read_bytes()
    capsys.readouterr()
    assert run(again / "site.yaml", "ledger") == 0
    assert "the chain is whole" in capsys.readouterr().out
    assert run(again / "site.yaml", "count") == 0, "the inventory is there too: nothing has to be read again"
    (report,) = (again / "state/studies/liver/outbox/waiting").glob("*.json")
    assert SignedReport.from_bytes(report.read_bytes()).report.sequence == 1


def test_nothing_of_it_can_be_read_without_the_passphrase(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup = back_up(site)
    raw = backup.read_bytes()

    assert backup.stat().st_mode & 0o077 == 0
    for secret in (b"berlin", b"PRIVATE KEY", b"liver", (site.parent / "keys/site.secret").read_bytes()):
        assert secret not in raw
    (tmp_path / "other").write_text("another passphrase")
    assert restore(backup, tmp_path / "again", "other") == 2
    assert "the passphrase is another one, or the backup is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "changed", "longer"])
def test_a_damaged_backup_is_never_taken_for_whole(
    site: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = back_up(site)
    raw = bytearray(backup.read_bytes())
    if damage == "changed":
        raw[len(raw) // 2] ^= 1
    backup.write_bytes({"cut": raw[:-1], "changed": raw, "longer": raw + b"x"}[damage])

    assert restore(backup, tmp_path / "again") == 2
    assert "delete it" in capsys.readouterr().err


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_sealed_stream_gives_back_what_it_got(size: int) -> None:
    content = bytes(index % 251 for index in range(size))
    file = io.BytesIO()
    writer = SealedWriter(file, "passphrase")
    writer.write(content)
    writer.close()

    file.seek(0)
    reader = SealedReader(file, "passphrase")
    assert b"".join(iter(lambda: reader.read(70_000), b"")) == content


def test_pieces_that_change_places_are_seen() -> None:
    file = io.BytesIO()
    writer = SealedWriter(file, "passphrase")
    writer.write(bytes(3 * PIECE))
    writer.close()
    raw = file.getvalue()
    head, sealed = raw[: len(raw) - 3 * (PIECE + 16)], PIECE + 16
    swapped = (
        head
        + raw[len(head) + sealed : len(head) + 2 * sealed]
        + raw[len(head) : len(head) + sealed]
        + raw[len(head) + 2 * sealed :]
    )

    with pytest.raises(BackupProblem):
        SealedReader(io.BytesIO(swapped), "passphrase").read(1)
    shortened = SealedReader(io.BytesIO(raw[:-sealed]), "passphrase")
    assert len(shortened.read(PIECE)) == PIECE
    with pytest.raises(BackupProblem, match="cut off"):
        shortened.read(PIECE)


def test_nothing_is_written_over_a_state_or_a_backup(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup = back_up(site)

    assert restore(backup, site.parent) == 1
    assert run(site, "backup", str(backup), "--passphrase-file", str(site.parent.parent / "passphrase")) == 1
    (site.parent.parent / "passphrase").write_text("short")
    assert run(site, "backup", f"{backup}2", "--passphrase-file", str(site.parent.parent / "passphrase")) == 2
    assert "at least 12 characters" in capsys.readouterr().err


def test_a_backup_taken_while_the_service_works_fits_together(site: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            run(site, "scan", "--quiet")
            run(site, "approve", "--key", str(tmp_path / "approver.pem"), "--yes")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number in range(3):
            (tmp_path / "backup").unlink(missing_ok=True)
            assert restore(back_up(site), tmp_path / f"again{number}") == 0
            assert run(tmp_path / f"again{number}" / "site.yaml", "ledger") == 0
    finally:
        stop.set()
        worker.join()


def test_a_state_of_a_newer_release_is_refused_in_words_and_left_alone(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = site.parent / "state/studies/liver/domain/state.bin"
    newer = state.read_bytes().replace(b"studyscope-state-3\n", b"studyscope-state-9\n", 1)
    state.write_bytes(newer)

    assert run(site, "status") == 2
    assert "the state is of a newer release" in capsys.readouterr().err
    assert state.read_bytes() == newer


def test_an_inventory_of_a_newer_release_is_refused_in_words(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(site.parent / "state/inventory.sqlite") as inventory:
        inventory.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    inventory.close()

    assert run(site, "status") == 2
    assert f"The inventory has schema {SCHEMA + 1}, this release knows up to {SCHEMA}" in capsys.readouterr().err


def test_a_backup_of_a_newer_release_is_refused_in_words(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup = back_up(site)
    backup.write_bytes(backup.read_bytes().replace(b"studyscope-backup-1", b"studyscope-backup-2", 1))

    assert restore(backup, tmp_path / "again") == 2
    assert "made by a newer release" in capsys.readouterr().err
