"""Jobs from CSV files and databases: as spreadsheets, schedulers and applications leave them."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from postgres_server import postgres
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.jobs import JobsSource, Settings
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress, ScanResult, SourceUnavailable

PSEUDONYMS = Pseudonyms(b"s" * 32)
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
QUERY = "SELECT id, 'seg' AS workflow, state, patient, started AS started_at, finished AS finished_at FROM run WHERE changed >= :since"


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32, now=lambda: NOW) as opened:
        yield opened


def source(*, now: dt.datetime = NOW, **settings: Any) -> JobsSource:
    return JobsSource(Settings(name="runs", kind="jobs", **settings), SiteContext(PSEUDONYMS, lambda: now))


def scanned(inventory: Inventory, **settings: Any) -> ScanResult:
    return source(**settings).scan(inventory, NoProgress())


def jobs(inventory: Inventory) -> list[dict[str, Any]]:
    frame: Any = inventory.jobs_frame()
    return list(frame.sort_values(["started_at", "job_key"]).to_dict("records"))


def a_table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "runs.csv"
    path.write_bytes(text.encode(encoding))
    return path


GERMAN = "Laufnummer;Prüfling;Zustand;Beginn;Ende\n7;Müller-1;fertig;01.05.2026 12:00;01.05.2026 12:30\n"
GERMAN_SETTINGS: dict[str, Any] = {
    "csv": {"encoding": "cp1252", "time_format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Berlin"},
    "fields": {"id": "Laufnummer", "patient": "Prüfling", "state": "Zustand", "started_at": "Beginn", "finished_at": "Ende"},
    "outcomes": {"fertig": "succeeded"},
    "workflow": "seg",
}


def test_a_table_out_of_a_german_spreadsheet(tmp_path: Path, inventory: Inventory) -> None:
    result = scanned(inventory, path=a_table(tmp_path, GERMAN, "cp1252"), **GERMAN_SETTINGS)

    (job,) = jobs(inventory)
    assert job["patient_key"] == PSEUDONYMS.patient("Müller-1")
    assert (job["outcome"], job["workflow"]) == ("succeeded", "seg")
    assert job["started_at"] == dt.datetime(2026, 5, 1, 10, 0, tzinfo=dt.UTC)
    assert job["finished_at"] == dt.datetime(2026, 5, 1, 10, 30, tzinfo=dt.UTC)
    assert (result.seen, result.read, result.unlinked, result.unreadable) == (1, 1, 0, {})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_encodings(tmp_path: Path, inventory: Inventory, encoding: str, delimiter: str) -> None:
    text = (
        delimiter.join(["id", "workflow", "state", "patient"]) + "\r\n" + delimiter.join(["1", "seg", "success", "Zoë"]) + "\r\n"
    )

    scanned(inventory, path=a_table(tmp_path, text, encoding), csv={"encoding": encoding.removesuffix("-sig")})

    assert jobs(inventory)[0]["patient_key"] == PSEUDONYMS.patient("Zoë")


def test_seconds_with_a_decimal_comma(tmp_path: Path, inventory: Inventory) -> None:
    text = "id;workflow;state;started_at;finished_at\n1;seg;success;1777629600,5;1777629660\n"

    scanned(inventory, path=a_table(tmp_path, text), csv={"decimal": ","})

    (job,) = jobs(inventory)
    assert (job["finished_at"] - job["started_at"]).total_seconds() == 59.5


def test_bad_rows_are_counted_by_reason_and_stop_nothing(tmp_path: Path, inventory: Inventory) -> None:
    rows = [
        "1,seg,success,",
        "2,seg,exploded,",
        ",seg,success,",
        "4,seg,success,soon",
        "5,seg,success,,,,,",
        "6,seg",
        "7,seg,failed,",
    ]

    result = scanned(inventory, path=a_table(tmp_path, "\n".join(["id,workflow,state,started_at", *rows])), csv={})

    assert result.unreadable == {"unknown state": 1, "no id": 1, "bad time": 1, "too many columns": 1, "no state": 1}
    assert len(jobs(inventory)) == 2


def test_an_unchanged_table_is_not_read_and_a_changed_one_gives_what_changed(tmp_path: Path, inventory: Inventory) -> None:
    head = "id,workflow,state,patient\n"
    path = a_table(tmp_path, head + "1,seg,running,P1\n2,seg,success,P2\n")
    first = scanned(inventory, path=path, csv={})
    second = scanned(inventory, path=path, csv={})
    a_table(tmp_path, head + "1,seg,failed,P1\n2,seg,success,P2\n3,seg,success,P3\n")

    third = scanned(inventory, path=path, csv={})

    assert (first.read, second.seen, third.seen, third.read) == (2, 0, 3, 2)
    assert sorted(job["outcome"] for job in jobs(inventory)) == ["failed", "succeeded", "succeeded"]


def test_several_rows_of_one_run_add_up(tmp_path: Path, inventory: Inventory) -> None:
    text = "id,workflow,state,patient,started_at\n1,seg,running,P1,2026-05-01T10:00:00Z\n1,seg,success,,\n"

    result = scanned(inventory, path=a_table(tmp_path, text), csv={})

    (job,) = jobs(inventory)
    assert (job["outcome"], job["patient_key"]) == ("succeeded", PSEUDONYMS.patient("P1"))
    assert result.read == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"run,state\n1,success\n", "no column 'id' and no 'workflow' among the 2 that"),
        ("id,workflow,state\n1,sög,success\n".encode("cp1252"), "set csv.encoding"),
        (b"", "is empty"),
    ],
)
def test_a_table_that_cannot_be_used_says_what_to_change(
    tmp_path: Path, inventory: Inventory, content: bytes, message: str
) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)

    (finding,) = source(path=path, csv={}).check()
    with pytest.raises(SourceUnavailable, match=message):
        scanned(inventory, path=path, csv={})

    assert not finding.ok
    assert message in finding.message


def test_a_table_of_many_pieces(tmp_path: Path, inventory: Inventory) -> None:
    rows = "".join(f"{number},seg,success,P{number % 100}\n" for number in range(5000))

    result = scanned(inventory, path=a_table(tmp_path, "id,workflow,state,patient\n" + rows), csv={})

    assert (result.seen, result.read) == (5000, 5000)
    assert len(jobs(inventory)) == 100


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    path = tmp_path / "runs.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE run (id INTEGER, state TEXT, patient TEXT, started TEXT, finished TEXT, changed TEXT)")
        db.execute(
            "INSERT INTO run VALUES (1, 'success', 'P1', '2026-05-01 10:00:00', '2026-05-01 10:05:00', '2026-05-01 10:05:00')"
        )
        db.execute("INSERT INTO run VALUES (2, 'running', 'P2', '2026-05-31 10:00:00', NULL, '2026-05-31 10:00:00')")
    db.close()
    return path


def asking(tmp_path: Path, address: str, query: str = QUERY) -> dict[str, Any]:
    secret = tmp_path / "database.secret"
    secret.write_text(address)
    secret.chmod(0o600)
    return {"sql": {"url": {"file": secret}, "query": query}}


def test_a_query_gives_jobs_and_the_next_pass_only_what_changed(tmp_path: Path, inventory: Inventory, sqlite: Path) -> None:
    settings = asking(tmp_path, f"sqlite:///{sqlite}")
    first = scanned(inventory, **settings)
    with sqlite3.connect(sqlite) as db:
        db.execute("UPDATE run SET state = 'failed', changed = '2026-06-01 01:00:00' WHERE id = 2")
    db.close()

    second = source(now=NOW + dt.timedelta(days=1), **settings).scan(inventory, NoProgress())

    assert (first.seen, first.read, second.seen, second.read) == (2, 2, 1, 1)
    assert [job["outcome"] for job in jobs(inventory)] == ["succeeded", "failed"]
    assert jobs(inventory)[0]["started_at"] == dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC)
    assert source(**settings).identifiers([PSEUDONYMS.job("runs", "seg", "1")])


def test_a_database_that_is_away_is_not_made_and_nothing_is_dropped(tmp_path: Path, inventory: Inventory, sqlite: Path) -> None:
    settings = asking(tmp_path, f"sqlite:///{sqlite}")
    scanned(inventory, **settings)
    sqlite.rename(tmp_path / "away")

    with pytest.raises(SourceUnavailable) as caught:
        scanned(inventory, **settings)

    assert caught.value.temporary
    assert not sqlite.exists()
    assert len(jobs(inventory)) == 2


@pytest.mark.parametrize(
    ("address", "query", "message"),
    [
        ("no address", QUERY, "not one such as postgresql://"),
        ("sqlite:///{}", "SELECT missing FROM run", "no such column: missing"),
        ("sqlite:///{}", "SELECT state FROM run", "has no column 'id' and no 'workflow' among the 1 that"),
        ("sqlite:///{}", "WITH x AS (SELECT 1) DELETE FROM run", "attempt to write a readonly database"),
        ("oracle://user:hidden@127.0.0.1/x", QUERY, "driver oracledb is not installed"),
    ],
)
def test_what_a_database_refuses_is_said_in_words(
    tmp_path: Path, inventory: Inventory, sqlite: Path, address: str, query: str, message: str
) -> None:
    settings = asking(tmp_path, address.format(sqlite), query)

    with pytest.raises(SourceUnavailable, match=message) as caught:
        scanned(inventory, **settings)

    assert "hidden" not in str(caught.value)
    assert not source(**settings).check()[0].ok


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "say either `path`"),
        ({"sql": {"url": {"environment": "X"}, "query": "DELETE FROM run"}}, "begins with SELECT or WITH"),
        ({"sql": {"url": {"environment": "X"}, "query": "SELECT 1; DROP TABLE run"}}, "one statement"),
        ({"sql": {"url": {"environment": "X"}, "query": "SELECT :until"}}, "unknown parameter :until; allowed: :since"),
        ({"path": "runs.csv", "csv": {"time_zone": "Berlin"}}, "such as Europe/Berlin"),
    ],
)
def test_wrong_settings_say_what_is_allowed(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings(name="runs", kind="jobs", **settings)


@pytest.mark.real
def test_a_real_postgresql_is_read_and_cannot_be_written(tmp_path: Path, inventory: Inventory) -> None:
    import psycopg

    with postgres() as address:
        with psycopg.connect(address) as db:
            db.execute(
                "CREATE TABLE run (id uuid, state text, patient text, started timestamptz, finished timestamp, changed timestamptz)"
            )
            for number, state in enumerate(("success", "failed", "running")):
                values = (
                    f"{number:032x}",
                    state,
                    f"P{number}",
                    "2026-05-01T12:00:00+02",
                    "2026-05-01T10:05:00",
                    "2026-05-31T00:00:00Z",
                )
                db.execute("INSERT INTO run VALUES (%s, %s, %s, %s, %s, %s)", values)
            db.execute("CREATE FUNCTION spoil() RETURNS int LANGUAGE sql AS 'DELETE FROM run; SELECT 1'")

        settings = asking(tmp_path, address)
        first = scanned(inventory, **settings)
        again = source(now=NOW + dt.timedelta(days=9), **settings).scan(inventory, NoProgress())
        long_ago = source(now=NOW + dt.timedelta(days=10), **settings).scan(inventory, NoProgress())
        with pytest.raises(SourceUnavailable, match="read-only transaction"):
            scanned(inventory, **asking(tmp_path, address, "SELECT spoil() AS id, 'x' AS workflow, 'x' AS state"))
        with psycopg.connect(address) as db:
            left = db.execute("SELECT count(*) FROM run").fetchone()

    assert left == (3,)
    assert (first.read, again.seen, again.read, long_ago.seen) == (3, 3, 0, 0)
    assert {job["outcome"] for job in jobs(inventory)} == {"succeeded", "failed", "running"}
    assert jobs(inventory)[0]["finished_at"] - jobs(inventory)[0]["started_at"] == dt.timedelta(minutes=5)
