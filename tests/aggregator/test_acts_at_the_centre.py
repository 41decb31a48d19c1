"""Sites are closed and merged, reports retracted and purged: totals, history and the store follow, and bounds stay true."""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, a_table, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.audit_log import AuditLog
from studyscope_aggregator.cli import main
from studyscope_aggregator.history import retraction_points
from studyscope_aggregator.store import Entry, HistoryMark, Receipt, Retraction
from studyscope_aggregator.stores.sqlite import SqliteStore
from studyscope_contract.keys import SigningKey
from studyscope_contract.statement import is_signed

TOTAL = 'study_consortium_patients{study="liver",total="last_known"}'


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    made = Centre(tmp_path / "registry", ("berlin", "lyon"))
    config = {"registry": "registry", "store": "registry/store.sqlite", "key": "centre.pem"}
    (tmp_path / "centre.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    SigningKey.generate().save(tmp_path / "centre.pem")
    return made


@pytest.fixture
def client(centre: Centre) -> Iterator[httpx.Client]:
    settings = centre.settings()
    with served(create_app(settings, SqliteStore(settings.store), StandingClock())) as client:
        for sequence, patients in ((1, 40), (2, 50), (3, 900)):
            report = a_report(sequence=sequence, grid_point=TODAY - 3 + sequence, tables=(a_table(cells={(): patients}),))
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
        lyon = centre.signed(a_report("lyon", tables=(a_table(cells={(): 100}),)))
        assert client.post("/api/v1/reports", content=lyon.to_bytes()).status_code == 201
        yield client


def act(centre: Centre, *words: str) -> int:
    done = main([*words, "--config", str(centre.folder.parent / "centre.yaml")])
    time.sleep(1.05)  # a running centre looks at the registry once a second
    return done


def test_a_retracted_span_leaves_the_totals_and_the_report_before_it_is_shown(client: httpx.Client, centre: Centre) -> None:
    assert f"{TOTAL} 1000\n" in client.get("/metrics").text

    assert act(centre, "retract", "liver", "berlin", "--from", "3", "--why", "a phantom was counted") == 0

    page = client.get("/metrics").text
    assert f"{TOTAL} 150\n" in page
    assert 'study_patients{study="liver",site="berlin"} 50\n' in page
    assert 'study_site_retracted_reports{study="liver",site="berlin"} 1\n' in page


def test_a_retracted_report_cannot_be_sent_again_and_the_next_one_counts(client: httpx.Client, centre: Centre) -> None:
    act(centre, "retract", "liver", "berlin", "--from", "3", "--why", "a phantom was counted")

    again = centre.signed(a_report(sequence=3, tables=(a_table(cells={(): 900}),)))
    assert client.post("/api/v1/reports", content=again.to_bytes()).status_code == 200
    assert f"{TOTAL} 150\n" in client.get("/metrics").text


def test_a_site_whose_reports_were_all_taken_back_is_called_so(client: httpx.Client, centre: Centre) -> None:
    state = 'study_site_state{{study="liver",site="berlin",state="{}"}} 1\n'
    assert act(centre, "retract", "liver", "berlin", "--from", "1", "--why", "the wrong cohort") == 0

    page = client.get("/metrics").text
    assert state.format("retracted") in page
    assert 'study_patients{study="liver",site="berlin"}' not in page
    assert f'study_site_report_age_seconds{{study="liver",site="berlin"}} {8 * 3600}\n' in page
    words = " ".join(re.sub(r"<[^>]+>", " ", client.get("/").text).split())
    assert "all reports taken back 2026-06-01, taken back nothing" in words
    assert "No upper bound: of 1 all reports were taken back." in words


def test_a_purge_deletes_the_reports_and_signs_that_it_did(client: httpx.Client, centre: Centre, tmp_path: Path) -> None:
    paper = tmp_path / "confirmation.json"

    assert act(centre, "purge", "liver", "berlin", "--why", "contract ended", "--yes", "--confirmation", str(paper)) == 0

    assert f"{TOTAL} 100\n" in client.get("/metrics").text
    store = SqliteStore(centre.settings().store)
    assert store.reports("liver", "berlin", 0, 10) == []
    assert [sequence for sequence, _ in store.grid_times("liver", "berlin", 1)] == [1, 2, 3]
    store.close()
    whole = json.loads(paper.read_text(encoding="utf-8"))
    key = SigningKey.load(tmp_path / "centre.pem").public
    assert (whole["purge"]["first"], whole["purge"]["last"]) == (1, 3)
    assert is_signed("purge", whole["purge"], whole["signature"], key)
    assert not is_signed("purge", whole["purge"] | {"last": 2}, whole["signature"], key)


def test_nothing_of_a_purged_report_is_left_in_the_store_s_file(centre: Centre, tmp_path: Path) -> None:
    path = tmp_path / "alone.sqlite"
    store, marker = SqliteStore(path), bytes(range(256)) * 3  # does not compress: stands in the file as it is
    receipt = Receipt("liver", "berlin", 1, 1, "0" * 64, NOW)
    store.append(Entry(receipt, marker, NOW, NOW)).result()
    store.purge("liver", "berlin", 1, 1, "contract ended", NOW).result()
    store.close()

    assert marker[:200] not in path.read_bytes()
    assert SqliteStore(path).retractions()[0].purged
    del centre


def test_a_purge_without_the_centre_s_key_or_a_report_deletes_nothing(
    client: httpx.Client, centre: Centre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = ["--why", "x", "--yes", "--confirmation", str(tmp_path / "c.json")]

    assert act(centre, "purge", "liver", "berlin", "--from", "9", *paper) == 2
    assert "has no such report in study liver; it has 1 to 3" in capsys.readouterr().err
    (tmp_path / "centre.yaml").write_text(yaml.safe_dump({"registry": "registry", "store": "registry/store.sqlite"}))
    assert act(centre, "purge", "liver", "berlin", *paper) == 2
    assert f"{TOTAL} 1000\n" in client.get("/metrics").text


def test_a_merged_site_is_in_no_total_from_the_day_after_and_says_where_it_went(client: httpx.Client, centre: Centre) -> None:
    yesterday = (NOW.date() - dt.timedelta(days=1)).isoformat()

    assert act(centre, "site", "merge", "liver", "lyon", "berlin", "--last-day", yesterday, "--why", "one hospital now") == 0

    page = client.get("/metrics").text
    assert f"{TOTAL} 900\n" in page
    assert 'study_sites_expected{study="liver"} 1\n' in page
    assert 'study_site_state{study="liver",site="lyon",state="closed"} 1\n' in page
    assert 'study_site_merged_info{study="liver",site="lyon",into="berlin"} 1\n' in page
    late = centre.signed(a_report("lyon", sequence=2, grid_point=TODAY))
    assert client.post("/api/v1/reports", content=late.to_bytes()).json()["reason"] == "not_member"


def test_a_site_stays_a_member_until_its_last_day(client: httpx.Client, centre: Centre) -> None:
    act(centre, "site", "close", "liver", "lyon", "--last-day", NOW.date().isoformat(), "--why", "study over there")

    assert f"{TOTAL} 1000\n" in client.get("/metrics").text
    assert [one.act for one in AuditLog(centre.folder).acts()] == ["site close"]


def test_the_marker_stands_on_every_day_that_the_span_had_given() -> None:
    day = dt.timedelta(days=1)
    monday = dt.datetime(2026, 6, 1, 6, tzinfo=dt.UTC)
    span = Retraction(1, "liver", "berlin", 2, 3, "why", NOW)
    weekly = [(2, monday), (3, monday + 7 * day), (4, monday + 14 * day)]

    points = list(retraction_points(span, weekly, HistoryMark(4, (monday + 30 * day).date())))
    written = list(retraction_points(span, weekly, HistoryMark(3, (monday + 8 * day).date())))

    assert [point.millis for point in points] == [int((monday + n * day).timestamp() * 1000) for n in range(14)]
    assert {point.name for point in points} == {"study_history_site_retracted_reports"}
    assert len(written) == 9
