"""What `ReportStore` promises, on every store."""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from postgres_server import new_database, postgres
from studyscope_aggregator.store import (
    Entry,
    HistoryMark,
    Last,
    Receipt,
    Refusals,
    ReportStore,
    SequenceTaken,
    StoreUnavailable,
)
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_aggregator.stores.postgres import PostgresStore
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_aggregator.stores.sqlite_schema import VERSION

NOON = dt.datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as address:
        yield address


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ReportStore]:
    opened: ReportStore = MemoryStore()
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "a" / "store.sqlite")
    elif request.param == "postgres":
        opened = PostgresStore(new_database(request.getfixturevalue("server")), "the test's database")
    yield opened
    opened.close()


def an_entry(sequence: int, site: str = "berlin", body: bytes = b"report") -> Entry:
    receipt = Receipt("liver", site, sequence, 20_000 + sequence, f"{sequence:064x}", NOON)
    return Entry(receipt, body, NOON + dt.timedelta(days=sequence), NOON)


def test_what_was_appended_comes_back_as_it_was(store: ReportStore) -> None:
    entry = an_entry(3, body=bytes(range(256)) * 50)

    store.append(entry).result()

    assert store.receipt("liver", "berlin", 3) == entry.receipt
    assert store.reports("liver", "berlin", 0, 10) == [entry]
    assert list(store.newest()) == [entry]
    assert store.last("liver", "berlin") == Last(3, entry.grid_time)
    assert store.receipt("liver", "berlin", 2) is None
    assert store.last("liver", "oslo") is None


def test_only_a_later_sequence_number_is_taken(store: ReportStore) -> None:
    store.append(an_entry(3)).result()

    for sequence in (3, 2):
        with pytest.raises(SequenceTaken):
            store.append(an_entry(sequence, body=b"other")).result()

    assert [entry.body for entry in store.reports("liver", "berlin", 0, 10)] == [b"report"]


def test_of_many_at_once_each_number_is_stored_once(store: ReportStore) -> None:
    def push(sequence: int) -> bool:
        try:
            store.append(an_entry(sequence)).result()
        except SequenceTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        stored = sum(pool.map(push, [number for number in range(1, 41) for _ in range(3)]))

    kept = [entry.receipt.sequence for entry in store.reports("liver", "berlin", 0, 1000)]
    assert len(kept) == stored
    assert kept == sorted(set(kept))
    assert kept[-1] == 40


def test_newest_has_one_report_of_every_site(store: ReportStore) -> None:
    for site, sequence in (("oslo", 1), ("berlin", 1), ("berlin", 2)):
        store.append(an_entry(sequence, site)).result()

    assert [(e.receipt.site, e.receipt.sequence) for e in store.newest()] == [("berlin", 2), ("oslo", 1)]


def test_reports_come_oldest_first_in_pages(store: ReportStore) -> None:
    for sequence in range(1, 8):
        store.append(an_entry(sequence)).result()

    assert [entry.receipt.sequence for entry in store.reports("liver", "berlin", 2, 3)] == [3, 4, 5]


def test_retracted_reports_stay_known_but_are_not_shown(store: ReportStore) -> None:
    for sequence in range(1, 5):
        store.append(an_entry(sequence)).result()

    store.retract("liver", "berlin", 3, 4, "wrong phantom", NOON).result()

    assert [entry.receipt.sequence for entry in store.newest()] == [2]
    assert [entry.receipt.sequence for entry in store.reports("liver", "berlin", 0, 9)] == [1, 2]
    assert store.receipt("liver", "berlin", 4) == an_entry(4).receipt
    assert store.last("liver", "berlin") == Last(4, an_entry(4).grid_time)
    with pytest.raises(SequenceTaken):
        store.append(an_entry(4)).result()


def test_a_retraction_is_remembered_with_its_reason_and_what_was_said_of_it(store: ReportStore) -> None:
    for sequence in range(1, 5):
        store.append(an_entry(sequence)).result()
    store.retract("liver", "berlin", 2, 3, "wrong phantom", NOON).result()
    store.purge("liver", "berlin", 4, 4, "contract ended", NOON).result()

    first, second = store.retractions()
    store.set_in_history(first.number).result()

    assert (first.first, first.last, first.why, first.at, first.purged) == (2, 3, "wrong phantom", NOON, False)
    assert (second.first, second.last, second.purged) == (4, 4, True)
    assert [one.in_history for one in store.retractions()] == [True, False]
    assert store.newest_of("liver", "berlin") == an_entry(1)
    assert store.newest_of("liver", "oslo") is None
    assert [sequence for sequence, _ in store.grid_times("liver", "berlin", 3)] == [3, 4]
    assert [store.entry("liver", "berlin", number) for number in (2, 4, 5)] == [an_entry(2), None, None]
    assert store.receipt("liver", "berlin", 4) == an_entry(4).receipt


def test_refusals_are_added_up_and_the_newest_message_is_kept(store: ReportStore) -> None:
    for message in ("first", "second"):
        store.count_refusal("liver", "berlin", "bad_signature", NOON, message).result()
    store.count_refusal("liver", "oslo", "schema", NOON, "third").result()

    assert store.refusals() == {
        ("liver", "berlin", "bad_signature"): Refusals(2, NOON, "second"),
        ("liver", "oslo", "schema"): Refusals(1, NOON, "third"),
    }


def test_the_history_mark_moves(store: ReportStore) -> None:
    assert store.history_mark("liver", "berlin") is None
    for day in (1, 2):
        store.set_history_mark("liver", "berlin", HistoryMark(day, dt.date(2026, 6, day))).result()

    assert store.history_mark("liver", "berlin") == HistoryMark(2, dt.date(2026, 6, 2))


def test_heads_are_the_newest_sequence_numbers_that_are_shown(store: ReportStore) -> None:
    for site, sequence in (("berlin", 1), ("berlin", 2), ("oslo", 7)):
        store.append(an_entry(sequence, site)).result()
    assert store.heads() == {("liver", "berlin"): 2, ("liver", "oslo"): 7}

    store.retract("liver", "berlin", 2, 2, "wrong phantom", NOON).result()
    store.retract("liver", "oslo", 1, 9, "wrong phantom", NOON).result()
    assert store.heads() == {("liver", "berlin"): 1}


def test_a_closed_store_takes_nothing(store: ReportStore) -> None:
    store.append(an_entry(1)).result()
    store.ready()
    store.close()

    with pytest.raises(StoreUnavailable):
        store.append(an_entry(2))
    with pytest.raises(StoreUnavailable):
        store.ready()


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "store.sqlite")
    first.append(an_entry(1)).result()
    first.count_refusal("liver", "berlin", "schema", NOON, "words").result()
    first.close()

    second = SqliteStore(tmp_path / "store.sqlite")

    assert list(second.newest()) == [an_entry(1)]
    assert second.refusals()["liver", "berlin", "schema"].count == 1
    second.close()


def test_two_programs_on_one_file_do_not_both_take_a_number(tmp_path: Path) -> None:
    one, other = SqliteStore(tmp_path / "store.sqlite"), SqliteStore(tmp_path / "store.sqlite")
    one.append(an_entry(1)).result()

    with pytest.raises(SequenceTaken):
        other.append(an_entry(1, body=b"other")).result()

    one.close()
    other.close()


def test_a_store_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "store.sqlite")
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()

    with pytest.raises(StoreUnavailable, match="run the newer release"):
        SqliteStore(tmp_path / "store.sqlite")


def test_a_full_disk_fails_every_waiting_write_and_the_store_lives_on(tmp_path: Path) -> None:
    """max_page_count stands for the disk: SQLite answers SQLITE_FULL in the same way."""
    store = SqliteStore(tmp_path / "store.sqlite")
    store.append(an_entry(1)).result()
    (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    incompressible = random.Random(1).randbytes(200_000)

    with pytest.raises(StoreUnavailable, match="free space"):
        store.append(an_entry(2, body=incompressible)).result()

    store._writer.execute("PRAGMA max_page_count = 1000000")
    store.append(an_entry(2)).result()
    assert store.last("liver", "berlin") == Last(2, an_entry(2).grid_time)
    store.close()


def test_two_aggregators_on_one_database_do_not_both_take_a_number(server: str) -> None:
    database = new_database(server)
    one, other = PostgresStore(database, "one"), PostgresStore(database, "other")

    def push(number: int) -> bool:
        store = one if number % 2 else other
        try:
            store.append(an_entry(number // 2, body=str(number).encode())).result()
        except SequenceTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        stored = sum(pool.map(push, range(2, 82)))

    kept = [entry.receipt.sequence for entry in one.reports("liver", "berlin", 0, 1000)]
    assert len(kept) == stored == len(set(kept))
    one.close()
    other.close()


def test_a_database_that_went_away_and_came_back_is_used_again(server: str) -> None:
    database = new_database(server)
    store = PostgresStore(database, "the database on db.example")
    store.append(an_entry(1)).result()

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname LIKE 'database%'"
        )

    with pytest.raises(StoreUnavailable, match=r"the database on db\.example cannot be written"):
        store.append(an_entry(2)).result()
    store.append(an_entry(2)).result()
    assert [entry.receipt.sequence for entry in store.reports("liver", "berlin", 0, 9)] == [1, 2]
    store.close()


def test_a_database_of_a_newer_release_is_left_alone(server: str) -> None:
    database = new_database(server)
    PostgresStore(database, "db").close()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE store_schema SET version = version + 1")

    with pytest.raises(StoreUnavailable, match="run the newer release"):
        PostgresStore(database, "db")


def test_a_database_that_cannot_be_reached_is_named_without_its_password() -> None:
    with pytest.raises(StoreUnavailable, match="the database cannot be opened") as caught:
        PostgresStore("host=127.0.0.1 port=1 user=u password=canary connect_timeout=2", "the database")
    assert "canary" not in str(caught.value)
