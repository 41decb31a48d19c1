"""The centre's disk is full: it says so, acknowledges nothing that is not there, and goes on by itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from aggregator_cast import TODAY, Centre, StandingClock, a_report, served
from small_disk import small_disk
from studyscope_aggregator.app import create_app
from studyscope_aggregator.stores.sqlite import SqliteStore

REPORTS = "/api/v1/reports"
pytestmark = pytest.mark.real


def test_a_report_that_finds_the_disk_full_is_taken_once_there_is_space_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "registry")
    bodies = [centre.signed(a_report(sequence=n, grid_point=TODAY - 150 + n, tables=())).to_bytes() for n in range(1, 60)]
    with small_disk(tmp_path / "store", 2) as disk:
        store = SqliteStore(disk.folder / "store.sqlite")
        with served(create_app(centre.settings(), store, StandingClock())) as client:
            disk.fill(leave=150_000)
            answers = [client.post(REPORTS, content=body) for body in bodies]
            taken = [answer.status_code for answer in answers].index(503)
            refused, ready = answers[taken], client.get("/readyz")
            disk.free()
            again = [client.post(REPORTS, content=body).status_code for body in bodies]

        with sqlite3.connect(disk.folder / "store.sqlite") as database:
            rows = [sequence for (sequence,) in database.execute("SELECT sequence FROM reports ORDER BY sequence")]

    assert 0 < taken < len(bodies)
    assert [answer.status_code for answer in answers] == [201] * taken + [503] * (len(bodies) - taken)
    assert refused.json()["temporary"]
    assert "nothing is lost" in refused.json()["message"]
    assert refused.headers["Retry-After"] == "60"
    assert ready.status_code == 503
    assert again == [200] * taken + [201] * (len(bodies) - taken)
    assert rows == list(range(1, len(bodies) + 1))
