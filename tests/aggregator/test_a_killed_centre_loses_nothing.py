"""kill -9 of a real server process while sites push: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import yaml

from aggregator_cast import Centre, a_report
from studyscope_contract.grid import Grid

ROUNDS = int(os.environ.get("STUDYSCOPE_KILL_ROUNDS", "4"))
SITES = ("berlin", "lyon", "oslo", "wien")
REPORTS, LONGEST = 15_000, 1.0
"""Reports of a site: about a report a day since it became a member. Seconds of a round."""


class Site(threading.Thread):
    """Pushes its reports one after the other and repeats each until it is acknowledged."""

    def __init__(self, url: str, centre: Centre, name: str) -> None:
        super().__init__(daemon=True)
        self.url, self.centre, self.site = url, centre, name
        self.pause = ROUNDS * LONGEST / REPORTS  # so that there is a report to push until the last round
        self.acknowledged: dict[int, str] = {}
        self.contradictions: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        first = Grid().index(dt.datetime.now(dt.UTC)) - REPORTS
        with httpx.Client(base_url=self.url, timeout=10, trust_env=False) as client:
            for sequence in range(1, REPORTS):
                raw = self.centre.signed(a_report(self.site, sequence, first + sequence, tables=())).to_bytes()
                while not self._pushed(client, sequence, raw):
                    if self.stopping.is_set():
                        return
                    time.sleep(0.02)
                self.stopping.wait(self.pause)

    def _pushed(self, client: httpx.Client, sequence: int, raw: bytes) -> bool:
        if self.stopping.is_set():
            return False
        try:
            answer = client.post("/api/v1/reports", content=raw)
        except httpx.HTTPError:
            return False
        if answer.status_code not in (200, 201):
            self.contradictions.append(answer.text)
            return False
        self.acknowledged[sequence] = answer.json()["sha256"]
        return True


def _started(config: Path, url: str, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "studyscope_aggregator", "serve", "--config", str(config)]
    with log.open("ab") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink)
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        for _ in range(6000):  # tries and not seconds: the machine may have other things to do
            if process.poll() is not None:
                break
            try:
                if client.get("/readyz").status_code == 200:
                    return process
            except httpx.HTTPError:
                time.sleep(0.05)
    raise AssertionError(log.read_text())


def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "registry", SITES)
    for file in (centre.folder / "sites.yaml", centre.folder / "studies" / "liver.yaml"):
        file.write_text(file.read_text().replace("2026-01-01", "1971-01-01").replace("2027-12-31", "2099-12-31"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    config, url, rng = tmp_path / "centre.yaml", f"http://127.0.0.1:{port}", random.Random(7)
    settings = {"registry": "registry", "store": "reports.sqlite", "listen": {"port": port}}
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    sites = [Site(url, centre, name) for name in SITES]
    process = _started(config, url, tmp_path / "log")
    for site in sites:
        site.start()
    for _ in range(ROUNDS):
        time.sleep(rng.uniform(0.3, 1.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = _started(config, url, tmp_path / "log")
    time.sleep(0.3)
    for site in sites:
        site.stopping.set()
        site.join(15)
    process.terminate()
    assert process.wait(20) in (0, -signal.SIGTERM)  # uvicorn raises the signal anew once everything is closed

    rows = sqlite3.connect(tmp_path / "reports.sqlite").execute("SELECT site, sequence, sha256 FROM reports").fetchall()
    stored = {(site, sequence): sha256 for site, sequence, sha256 in rows}
    acknowledged = {(site.site, sequence): sha256 for site in sites for sequence, sha256 in site.acknowledged.items()}
    assert len(stored) == len(rows)
    assert acknowledged.items() <= stored.items()
    assert len(stored) - len(acknowledged) <= len(sites)  # at most the one that was on its way
    assert not [words for site in sites for words in site.contradictions]
    assert len(acknowledged) > 4 * ROUNDS
    sys.stdout.write(f"centre: {ROUNDS} kills, {len(acknowledged)} reports acknowledged, {len(stored)} stored, none twice\n")
