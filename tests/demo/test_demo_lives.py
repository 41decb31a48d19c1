"""A short demo, end to end: real exporters, a real aggregator, a real Prometheus."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from studyscope_demo.supervisor import Started, birth

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        shutil.which("prometheus") is None or not (shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")),
        reason="Prometheus and Alertmanager are not installed",
    ),
]

RUN = ("--sites", "3", "--days", "6", "--days-watched", "1", "--seconds-per-day", "4", "--size", "0.4")


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "studyscope_demo.cli", "--folder", str(folder), *arguments]


def status(folder: Path) -> dict[str, Any] | None:
    answer = subprocess.run(command(folder, "status", "--json"), capture_output=True, text=True, check=False)
    return json.loads(answer.stdout) if answer.returncode == 0 else None


def asked(url: str, query: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, trust_env=False).json()
    assert answer["status"] == "success", answer
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def soon(url: str, query: str) -> list[dict[str, Any]]:
    """The answer to the query as soon as there is one; Prometheus scrapes every five seconds."""
    deadline = time.monotonic() + 45
    while time.monotonic() < deadline:
        found = asked(url, query)
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"Prometheus has nothing for {query}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("demo") / "data"
    with (folder.parent / "output").open("wb") as output:
        environment = {key: value for key, value in os.environ.items() if key != "GRAFANA_HOME"}
        driver = subprocess.Popen(command(folder, "run", *RUN), stdout=output, stderr=output, env=environment)
    try:
        deadline = time.monotonic() + 150
        found = None
        while time.monotonic() < deadline and driver.poll() is None:
            found = status(folder)
            if found is not None and found["phase"] in ("watching", "real time"):
                break
            time.sleep(0.5)
        assert found is not None, (folder.parent / "output").read_text()
        assert found["phase"] in ("watching", "real time"), (folder.parent / "output").read_text()
        yield folder, found
    finally:
        driver.terminate()
        driver.wait(60)


def test_prometheus_answers_for_the_hospital_that_reports(demo: tuple[Path, dict[str, Any]]) -> None:
    _, found = demo
    prometheus = found["addresses"]["prometheus"]
    (patients,) = soon(prometheus, 'study_patients{site="berlin"}')
    published = int(patients["value"][1])
    exact = next(row["patients"] for row in found["hospitals"] if row["id"] == "berlin")
    assert published % 10 == 0
    assert abs(published - exact) < 40


def test_a_hospital_that_never_reported_has_that_state(demo: tuple[Path, dict[str, Any]]) -> None:
    _, found = demo
    states = soon(found["addresses"]["prometheus"], 'study_site_state{site="utrecht"} == 1')
    assert [state["metric"]["state"] for state in states] == ["never_reported"]
    assert soon(found["addresses"]["prometheus"], 'study_site_state{site="berlin",state="fresh"} == 1')


def test_the_history_of_the_days_that_were_run_through_is_at_its_true_time(demo: tuple[Path, dict[str, Any]]) -> None:
    _, found = demo
    series = soon(found["addresses"]["prometheus"], 'study_history_patients{site="berlin"}[10d]')
    times = [moment for moment, _ in series[0]["values"]]
    assert len(times) >= 4
    assert all(moment % 86400 == 4 * 3600 for moment in times)
    assert max(times) <= time.time()


def test_the_ledger_of_every_hospital_is_whole(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = demo
    reports = list((folder / "hospitals" / "berlin" / "state").rglob("delivered/*.json"))
    assert len(reports) >= 5
    ledgers = list((folder / "hospitals" / "berlin" / "state").rglob("*ledger*"))
    assert ledgers


def test_a_second_run_says_that_one_runs_and_changes_nothing(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, found = demo
    again = subprocess.run(command(folder, "run"), capture_output=True, text=True, check=False, timeout=60)
    assert again.returncode == 0
    assert "runs in this folder already" in again.stdout
    now = status(folder)
    assert now is not None
    assert now["driver"] == found["driver"]


def test_stopping_ends_everything_that_was_started(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, found = demo
    started = [Started(**row) for row in json.loads((folder / "processes.json").read_text())]
    assert all(one.alive for one in started)
    answer = subprocess.run(command(folder, "stop"), capture_output=True, text=True, check=False, timeout=90)
    assert answer.returncode == 0, answer.stdout
    assert not any(one.alive for one in started)
    assert birth(os.getpid()) is not None
    assert found["driver"]["pid"] not in [one.pid for one in started]
