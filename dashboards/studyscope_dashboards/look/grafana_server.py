"""A Grafana server of this machine: found, and started with everything provisioned.

GrafanaDidNotStart    it does not answer; the message holds the end of its log
"""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from studyscope_dashboards.page import write_dashboards
from studyscope_dashboards.provisioning import OpenId, grafana_ini, write_grafana_provisioning

_START_SECONDS = 120.0
"""A fresh database takes half a minute on a busy machine."""


class GrafanaDidNotStart(Exception):
    """Grafana was started and does not answer."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self.log = url, log
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
        super().__init__(f"Grafana does not answer at {url}; the end of its log:\n{end}")


@dataclass(frozen=True)
class Grafana:
    """A running server whose only data source is the Prometheus that it was started with."""

    url: str
    password: str  # of the user `admin`
    dashboards: Path  # what is provisioned; a file that changes here is read again


def grafana_command(environment: Mapping[str, str]) -> list[str] | None:
    """How Grafana is started here: from GRAFANA_HOME, else from the PATH; None when there is none."""
    home = environment.get("GRAFANA_HOME")
    if home and (binary := Path(home) / "bin" / "grafana").exists():
        return [str(binary), "server", f"--homepath={home}"]
    for name in ("grafana", "grafana-server"):
        found = shutil.which(name, path=environment.get("PATH"))
        if found:
            homepath = next((str(place) for place in _homes(Path(found)) if (place / "public").is_dir()), None)
            start = [found, "server"] if name == "grafana" else [found]
            return [*start, f"--homepath={homepath}"] if homepath else start
    return None


def _homes(binary: Path) -> tuple[Path, ...]:
    return (binary.resolve().parent.parent, Path("/usr/share/grafana"))


@contextmanager
def running_grafana(
    command: list[str],
    folder: Path,
    prometheus_url: str,
    environment: Mapping[str, str],
    *,
    reread_seconds: int = 30,
    openid: OpenId | None = None,
    public_organisation: str | None = None,
) -> Iterator[Grafana]:
    """Runs Grafana on a free port of the loopback with every dashboard; all its files are below `folder`.

    With `openid`, people log in, and `prometheus_url` is the aggregator's guarded one; else everybody is a viewer.
    """
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    grafana = Grafana(f"http://127.0.0.1:{port}", secrets.token_urlsafe(18), folder / "dashboards")
    write_dashboards(grafana.dashboards)
    provisioning = folder / "provisioning"
    write_grafana_provisioning(
        provisioning, prometheus_url, str(grafana.dashboards), reread_seconds=reread_seconds, guarded=openid is not None
    )
    ini = grafana_ini(
        http_port=port,
        data_folder=str(folder / "data"),
        provisioning_folder=str(provisioning),
        root_url=grafana.url,
        anonymous_viewer=openid is None,
        public_organisation=public_organisation,
        openid=openid,
    )
    (folder / "grafana.ini").write_text(ini, encoding="utf-8")
    started = [*command, f"--config={folder / 'grafana.ini'}"]
    secret = {"GF_SECURITY_ADMIN_PASSWORD": grafana.password}
    with (folder / "grafana.log").open("wb") as log:
        process = subprocess.Popen(started, stdout=log, stderr=log, env={**environment, **secret})
    try:
        _wait(grafana, process, folder / "grafana.log")
        yield grafana
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(grafana: Grafana, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers and has read its dashboards, which it does a moment later."""
    deadline, address = time.monotonic() + _START_SECONDS, f"{grafana.url}/api/dashboards/uid/consortium"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(address, timeout=2, trust_env=False, auth=("admin", grafana.password)).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise GrafanaDidNotStart(grafana.url, log)
