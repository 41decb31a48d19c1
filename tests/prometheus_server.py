"""A real Prometheus on a free port of the loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml


@dataclass(frozen=True)
class Prometheus:
    """A running server; `write_url` takes remote writes."""

    url: str

    @property
    def write_url(self) -> str:
        return f"{self.url}/api/v1/write"

    def query(self, promql: str, at: float) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": promql, "time": at}, trust_env=False)
        result: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return result

    def raw(self, selector: str, at: float, window: str) -> list[tuple[float, float]]:
        """Every stored sample of one series."""
        (series,) = self.query(f"{selector}[{window}]", at)
        return [(float(when), float(value)) for when, value in series["values"]]


@contextmanager
def prometheus(
    folder: Path, *, scrapes: str | None = None, window: str = "400d", jobs: list[dict[str, Any]] | None = None
) -> Iterator[Prometheus]:
    """Runs Prometheus with an out-of-order window; it scrapes /metrics of `scrapes` (host:port) every second, or has `jobs`."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus on the PATH")
    config: dict[str, Any] = {"storage": {"tsdb": {"out_of_order_time_window": window}}}
    if scrapes:
        config["scrape_configs"] = [
            {"job_name": "centre", "honor_labels": True, "scrape_interval": "1s", "scrape_timeout": "1s"}
            | {"static_configs": [{"targets": [scrapes]}]}
        ]
    if jobs:
        config["scrape_configs"] = [{"scrape_timeout": "1s"} | job for job in jobs]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    command = [
        program,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--storage.tsdb.retention.time=3y",
    ]
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        server = Prometheus(f"http://127.0.0.1:{port}")
        try:
            _wait_until_ready(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_ready(server: Prometheus, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{server.url}/-/ready", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError("Prometheus did not become ready")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
