"""`backup` and `restore` of a centre: every report byte for byte, taken while the store is written."""

from __future__ import annotations

import sqlite3
import tarfile
import threading
from pathlib import Path

import pytest

from aggregator_cast import NOW, Centre
from studyscope_aggregator.__main__ import main
from studyscope_aggregator.store import Entry, Receipt
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_aggregator.stores.sqlite_schema import VERSION


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    Centre(tmp_path / "centre" / "registry")
    path = tmp_path / "centre" / "centre.yaml"
    path.write_text("registry: registry\nstore: state/reports.sqlite\n")
    return path


def store_of(centre: Path) -> SqliteStore:
    return SqliteStore(centre.parent / "state" / "reports.sqlite")


def put(store: SqliteStore, sequence: int) -> None:
    receipt = Receipt("liver", "berlin", sequence, 1, "0" * 64, NOW)
    store.append(Entry(receipt, f"report {sequence}".encode(), NOW, NOW)).result(10)


def run(centre: Path, *arguments: str) -> int:
    return main(["--config", str(centre), *arguments])


def test_every_report_comes_back_byte_for_byte(centre: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(centre)
    for sequence in range(1, 51):
        put(store, sequence)
    assert run(centre, "backup", str(tmp_path / "backup.tar.gz")) == 0, "the aggregator runs meanwhile"
    assert "50 reports" in capsys.readouterr().out
    put(store, 51)
    before = store.reports("liver", "berlin", 0, 50)
    store.close()

    assert main(["restore", str(tmp_path / "backup.tar.gz"), "--into", str(tmp_path / "again")]) == 0
    again = SqliteStore(tmp_path / "again" / "reports.sqlite")
    assert again.reports("liver", "berlin", 0, 100) == before
    again.close()
    for part in ("centre.yaml", "registry/sites.yaml", "registry/studies/liver.yaml"):
        assert (tmp_path / "again" / part).read_bytes() == (centre.parent / part).read_bytes()
    assert (tmp_path / "backup.tar.gz").stat().st_mode & 0o077 == 0


def test_a_backup_under_load_holds_one_moment(centre: Path, tmp_path: Path) -> None:
    store, stop = store_of(centre), threading.Event()

    def report() -> None:
        sequence = 0
        while not stop.is_set():
            sequence += 1
            put(store, sequence)

    writer = threading.Thread(target=report)
    writer.start()
    try:
        assert run(centre, "backup", str(tmp_path / "b.tar.gz")) == 0
    finally:
        stop.set()
        writer.join()
        store.close()
    assert main(["restore", str(tmp_path / "b.tar.gz"), "--into", str(tmp_path / "again")]) == 0
    again = SqliteStore(tmp_path / "again" / "reports.sqlite")
    sequences = [entry.receipt.sequence for entry in again.reports("liver", "berlin", 0, 100_000)]
    again.close()
    assert sequences == list(range(1, len(sequences) + 1))


def test_nothing_is_written_over_a_store_or_a_backup(centre: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_of(centre).close()
    assert run(centre, "backup", str(tmp_path / "b.tar.gz")) == 0

    assert run(centre, "backup", str(tmp_path / "b.tar.gz")) == 1
    assert main(["restore", str(tmp_path / "b.tar.gz"), "--into", str(centre.parent)]) == 1
    said = capsys.readouterr().err
    assert "is there already" in said
    assert "is not empty" in said


def test_an_archive_that_would_write_elsewhere_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tarfile.open(tmp_path / "bad.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))

    assert main(["restore", str(tmp_path / "bad.tar.gz"), "--into", str(tmp_path / "again")]) == 2
    assert not (tmp_path / "outside").exists()
    assert "cannot be unpacked" in capsys.readouterr().err


def test_a_store_of_a_newer_release_is_refused_in_words(centre: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_of(centre).close()
    with sqlite3.connect(centre.parent / "state" / "reports.sqlite") as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    newer.close()

    assert run(centre, "check") == 3
    assert f"the store has schema {VERSION + 1}, this release knows {VERSION}: run the newer release" in capsys.readouterr().err
