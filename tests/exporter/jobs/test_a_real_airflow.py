"""A real Airflow: STUDYSCOPE_AIRFLOW names the program `airflow` of an environment with version 3, STUDYSCOPE_AIRFLOW_2 with 2."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
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
try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task


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


def environment_of(home: Path, **settings: str) -> dict[str, str]:
    (home / "dags").mkdir(parents=True)
    (home / "dags" / "seg_inference.py").write_text(DAG)
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")}
    own |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    own |= {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}
    return own | {f"AIRFLOW__{name}": value for name, value in settings.items()}


def program_in(variable: str, version: int) -> str:
    program = os.environ.get(variable)
    if not program:
        pytest.skip(f"set {variable} to the program of an environment with apache-airflow {version}")
    return program


@contextmanager
def airflow_3(home: Path) -> Iterator[tuple[str, httpx.Client]]:
    """Its second REST API, for a token that is asked for with a password."""
    program, port = program_in("STUDYSCOPE_AIRFLOW", 3), free_port()
    url = f"http://127.0.0.1:{port}"
    environment = environment_of(
        home,
        CORE__SIMPLE_AUTH_MANAGER_USERS="studyscope:admin",
        CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=str(home / "passwords.json"),
        CORE__EXECUTION_API_SERVER_URL=f"{url}/execution/",
        API_AUTH__JWT_SECRET="of this test alone " * 8,
        WORKERS__EXECUTION_API_TIMEOUT="60",  # else its own tasks fail where the machine is busy
        CORE__PARALLELISM="2",
    )
    (home / "passwords.json").write_text(json.dumps({"studyscope": PASSWORD}))
    subprocess.run([program, "db", "migrate"], env=environment, check=True, capture_output=True)
    with ExitStack() as stack:
        api = ["api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        for arguments in (api, ["scheduler", "--skip-serve-logs"], ["dag-processor"]):
            stack.enter_context(running([program, *arguments], environment, home / f"{arguments[0]}.log"))
        client = stack.enter_context(httpx.Client(base_url=f"{url}/api/v2", trust_env=False, timeout=30))
        wait_for(lambda: client.get("/version").is_success, 120)
        token = httpx.post(f"{url}/auth/token", json={"username": "studyscope", "password": PASSWORD}, trust_env=False)
        client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        wait_for(lambda: client.get("/dags/seg_inference").is_success, 120)
        yield url, client


@contextmanager
def airflow_2(home: Path) -> Iterator[tuple[str, httpx.Client]]:
    """Its first REST API, for a password."""
    program, port = program_in("STUDYSCOPE_AIRFLOW_2", 2), free_port()
    environment = environment_of(
        home,
        CORE__AUTH_MANAGER="airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        API__AUTH_BACKENDS="airflow.providers.fab.auth_manager.api.auth.backend.basic_auth",
        WEBSERVER__WEB_SERVER_HOST="127.0.0.1",
        WEBSERVER__WEB_SERVER_PORT=str(port),
        WEBSERVER__WORKERS="1",
        WEBSERVER__SECRET_KEY="of this test alone",
    )
    environment["PATH"] = f"{Path(program).parent}:{environment['PATH']}"  # it starts its tasks by name
    who = ["--username", "studyscope", "--password", PASSWORD, "--role", "Admin", "--email", "studyscope@site.example"]
    for arguments in (["db", "migrate"], ["users", "create", *who, "--firstname", "Study", "--lastname", "Scope"]):
        subprocess.run([program, *arguments], env=environment, check=True, capture_output=True)
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        for arguments in (["webserver"], ["scheduler", "--skip-serve-logs"]):
            stack.enter_context(running([program, *arguments], environment, home / f"{arguments[0]}.log"))
        login = ("studyscope", PASSWORD)
        client = stack.enter_context(httpx.Client(base_url=f"{url}/api/v1", auth=login, trust_env=False, timeout=30))
        wait_for(lambda: client.get("/dags/seg_inference").is_success, 180)
        yield url, client


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


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
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("airflow", "version", "login"), [(airflow_3, 2, "login"), (airflow_2, 1, "basic")])
def test_runs_of_a_real_airflow_become_jobs(
    tmp_path: Path, airflow: Callable[[Path], AbstractContextManager[tuple[str, httpx.Client]]], version: int, login: str
) -> None:
    with airflow(tmp_path / "home") as (url, client):
        for patient in ("A", "B"):
            day = {"logical_date": None} if version == 2 else {}
            client.post("/dags/seg_inference/dagRuns", json=day | {"conf": {"patient": patient}}).raise_for_status()

        def all_ended() -> bool:
            runs = client.get("/dags/~/dagRuns").json()["dag_runs"]
            return len(runs) == 2 and all(run["state"] in ("success", "failed") for run in runs)

        wait_for(all_ended, 240)
        (tmp_path / "secret").write_text(PASSWORD)
        (tmp_path / "secret").chmod(0o600)
        stated = {
            "name": "workflows",
            "kind": "airflow",
            "url": url,
            "login": {"by": login, "user": "studyscope", "password": {"file": tmp_path / "secret"}},
            "link": {"by": "field", "field": "conf.patient"},
            "reasons": [{"task": "infer", "reason": "model_error"}],
        }
        pseudonyms = Pseudonyms(b"s" * 32)
        source = AirflowSource(Settings.model_validate(stated), SiteContext(pseudonyms, lambda: dt.datetime.now(dt.UTC)))
        with Inventory.open(tmp_path / "inventory.sqlite", key=b"k" * 32) as inventory:
            (finding,) = source.check()
            first, again = source.scan(inventory, NoProgress()), source.scan(inventory, NoProgress())
            jobs: Any = inventory.jobs_frame()

    by_patient = {job["patient_key"]: job for job in jobs.to_dict("records")}
    good, bad = by_patient[pseudonyms.patient("A")], by_patient[pseudonyms.patient("B")]
    assert finding.message.endswith(f"answers with API v{version}")
    assert (first.read, again.seen, again.read) == (2, 2, 0)
    assert (good["outcome"], bad["outcome"], bad["failure_reason"]) == ("succeeded", "failed", "model_error")
    assert good["started_at"] <= good["finished_at"]
    if version == 2:  # the first API does not say when a run was queued
        assert good["queued_at"] <= good["started_at"]
