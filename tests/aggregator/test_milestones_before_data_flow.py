"""Due days from the study file and passed days that people tell the centre, as series and in the log of acts."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from aggregator_cast import Centre, StandingClock, a_study, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.audit_log import AuditLog
from studyscope_aggregator.cli import main
from studyscope_aggregator.stores.memory import MemoryStore

WHO = 'study="liver",site="oslo"'
DUE = f'study_site_milestone_due_timestamp_seconds{{{WHO},milestone="network"}}'
PASSED = f'study_site_milestone_passed_timestamp_seconds{{{WHO},milestone="ethics"}}'


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    made = Centre(tmp_path / "registry")
    study = a_study()
    for site in study["sites"]:  # type: ignore[attr-defined]
        site["milestones"] = {"ethics": "2026-03-01", "network": "2026-05-01"}
    (made.folder / "studies" / "liver.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    config = {"registry": "registry", "store": "registry/store.sqlite", "key": "centre.pem"}
    (tmp_path / "centre.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return made


@pytest.fixture
def client(centre: Centre) -> Iterator[httpx.Client]:
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        yield client


def say(centre: Centre, *words: str) -> int:
    return main(["site", "passed", "liver", "oslo", "ethics", *words, "--config", str(centre.folder.parent / "centre.yaml")])


def value(client: httpx.Client, series: str) -> float | None:
    found = [line.rpartition(" ")[2] for line in client.get("/metrics").text.splitlines() if line.rpartition(" ")[0] == series]
    return float(found[0]) if found else None


def becomes(client: httpx.Client, series: str, expected: float | None) -> bool:
    deadline = time.monotonic() + 15
    while value(client, series) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    return value(client, series) == expected


def midnight(year: int, month: int, day: int) -> float:
    return dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp()


def test_due_days_come_from_the_study_file(client: httpx.Client) -> None:
    assert value(client, DUE) == midnight(2026, 5, 1)
    assert value(client, PASSED) is None


def test_a_passed_milestone_is_told_to_a_running_centre_and_taken_back(centre: Centre, client: httpx.Client) -> None:
    assert say(centre, "--on", "2026-02-14") == 0
    assert becomes(client, PASSED, midnight(2026, 2, 14))

    assert say(centre, "--undo") == 0
    assert becomes(client, PASSED, None)
    assert [act.act for act in AuditLog(centre.folder).acts()] == ["site passed", "site passed --undo"]


def test_a_milestone_of_a_site_that_is_no_member_is_refused(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(centre.folder.parent / "centre.yaml")

    assert main(["site", "passed", "liver", "atlantis", "ethics", "--config", config]) != 0
    assert "no study liver with a site atlantis" in capsys.readouterr().err
