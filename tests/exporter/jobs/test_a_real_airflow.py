"""A real Airflow 3: STUDYSCOPE_AIRFLOW names the program `airflow` of an environment where it is installed."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.airflow import AirflowSource, Settings
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import NoProgress

DAG = """\
from airflow.sdk import dag, task


@dag(schedule=None, catchup=False)
def seg_inference():
    @task
    def convert():
        return "1.2.3"

    @task
    def infer(series, **context):
        if context["dag_run"].conf["patient"] == "B":
            raise RuntimeError("planted")

    infer(convert())


seg_inference()
"""
PASSWORD = "a password of this test"


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A program with all that it starts, ended by its own process group."""
    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True) as program,
    ):
        try:
            yield
        finally:
            os.killpg(program.pid, signal.SIGTERM)
            try:
                program.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(program.pid, signal.SIGKILL)


@contextmanager
def airflow_3(home: Path) -> Iterator[tuple[str, httpx.Client]]:
    program = os.environ.get("STUDYSCOPE_AIRFLOW")
    if not program:
        pytest.skip("set STUDYSCOPE_AIRFLOW to the program of an environment with apache-airflow 3")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home / "dags").mkdir(parents=True)
    (home / "dags" / "seg_inference.py").write_text(DAG)
    (home / "passwords.json").write_text(json.dumps({"studyscope": PASSWORD}))
    url = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")} | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "studyscope:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": "of this test alone " * 8,
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # else its own tasks fail where the machine is busy
        "AIRFLOW__CORE__PARALLELISM": "2",
    }
    subprocess.run([program, "db", "migrate"], env=environment, check=True, capture_output=True)
    with ExitStack() as stack:
        api = ["api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        for arguments in (api, ["scheduler", "--skip-serve-logs"], ["dag-processor"]):
            stack.enter_context(running([program, *arguments], environment, home / f"{arguments[0]}.log"))
        client = stack.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=30))
        wait_for(lambda: client.get("/api/v2/version").is_success, 120)
        token = client.post("/auth/token", json={"username": "studyscope", "password": PASSWORD}).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        wait_for(lambda: client.get("/api/v2/dags/seg_inference").is_success, 120)
        yield url, client


def wait_for(happened: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if happened():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    pytest.fail(f"did not happen within {seconds} s")


@pytest.mark.optional
@pytest.mark.timeout(600)
def test_runs_of_a_real_airflow_become_jobs(tmp_path: Path) -> None:
    with airflow_3(tmp_path / "home") as (url, client):
        for patient in ("A", "B"):
            body = {"logical_date": None, "conf": {"patient": patient}}
            client.post("/api/v2/dags/seg_inference/dagRuns", json=body).raise_for_status()

        def all_ended() -> bool:
            runs = client.get("/api/v2/dags/~/dagRuns").json()["dag_runs"]
            return len(runs) == 2 and all(run["state"] in ("success", "failed") for run in runs)

        wait_for(all_ended, 240)
        (tmp_path / "secret").write_text(PASSWORD)
        (tmp_path / "secret").chmod(0o600)
        settings = Settings(
            name="workflows",
            kind="airflow",
            url=url,
            login={"by": "login", "user": "studyscope", "password": {"file": tmp_path / "secret"}},  # type: ignore[arg-type]
            link={"by": "field", "field": "conf.patient"},  # type: ignore[arg-type]
            reasons=({"task": "infer", "reason": "model_error"},),  # type: ignore[arg-type]
        )
        pseudonyms = Pseudonyms(b"s" * 32)
        source = AirflowSource(settings, SiteContext(pseudonyms, lambda: dt.datetime.now(dt.UTC)))
        with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32) as inventory:
            (finding,) = source.check()
            first, again = source.scan(inventory, NoProgress()), source.scan(inventory, NoProgress())
            jobs: Any = inventory.jobs_frame()

    by_patient = {job["patient_key"]: job for job in jobs.to_dict("records")}
    good, bad = by_patient[pseudonyms.patient("A")], by_patient[pseudonyms.patient("B")]
    assert finding.message.endswith("answers with API v2")
    assert (first.read, again.seen, again.read) == (2, 2, 0)
    assert (good["outcome"], bad["outcome"], bad["failure_reason"]) == ("succeeded", "failed", "model_error")
    assert good["queued_at"] <= good["started_at"] <= good["finished_at"]
