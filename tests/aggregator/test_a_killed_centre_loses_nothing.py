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
REPORTS, LONGEST = 15_000, 0.6
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


class Servers:
    """Starts `studyscope-aggregator serve` again and again: forked from a process that has imported it, so that a start is cheap.

    What is forked has not begun anything: it reads its settings, opens its store and listens as a new process would.
    """

    def __init__(self, config: Path, url: str, log: Path) -> None:
        self.config, self.url, self.log = config, url, log
        command = [sys.executable, "-c", _FORKING, str(config)]
        with log.open("ab") as sink:
            self.parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink, text=True)
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        self.asked, self.told = self.parent.stdin, self.parent.stdout
        self.running = 0

    def start(self) -> None:
        self.asked.write("start\n")
        self.asked.flush()
        self.running = int(self.told.readline())

    def until_ready(self) -> None:
        with httpx.Client(base_url=self.url, trust_env=False, timeout=20) as client:
            for _ in range(20_000):  # tries and not seconds: the machine may have other things to do
                try:
                    if client.get("/readyz").status_code == 200:
                        return
                except httpx.HTTPError:
                    time.sleep(0.01)
        raise AssertionError(self.log.read_text())

    def end(self, how: signal.Signals) -> int:
        """The exit code, or the number of the signal that ended it, negative."""
        number, self.running = self.running, 0
        os.kill(number, how)
        return os.waitstatus_to_exitcode(int(self.told.readline()))

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            os.kill(self.running, signal.SIGKILL)  # the parent has not waited for it: the number is still its own
        self.asked.close()
        self.parent.wait(20)
        self.told.close()


_FORKING = """
import os, sys
import httptools, uvloop
from studyscope_aggregator.cli import main
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        os._exit(main(["serve", "--config", sys.argv[1]]))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


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
    with Servers(config, url, tmp_path / "log") as servers:
        servers.start()
        servers.until_ready()
        for site in sites:
            site.start()
        for number in range(1, ROUNDS + 1):
            time.sleep(rng.uniform(0.01, LONGEST))
            assert servers.end(signal.SIGKILL) == -signal.SIGKILL
            servers.start()
            if number % 4:  # every fourth is killed wherever it is, while it starts too
                servers.until_ready()
            if number % 50 == 0:
                sys.stdout.write(f"centre: {number} kills, {sum(len(site.acknowledged) for site in sites)} acknowledged\n")
                sys.stdout.flush()
        servers.until_ready()
        time.sleep(0.3)
        for site in sites:
            site.stopping.set()
            site.join(15)
        assert servers.end(signal.SIGTERM) in (0, -signal.SIGTERM)  # uvicorn raises the signal anew once everything is closed

    rows = sqlite3.connect(tmp_path / "reports.sqlite").execute("SELECT site, sequence, sha256 FROM reports").fetchall()
    stored = {(site, sequence): sha256 for site, sequence, sha256 in rows}
    acknowledged = {(site.site, sequence): sha256 for site in sites for sequence, sha256 in site.acknowledged.items()}
    assert len(stored) == len(rows)
    assert acknowledged.items() <= stored.items()
    assert len(stored) - len(acknowledged) <= len(sites)  # at most the one that was on its way
    assert not [words for site in sites for words in site.contradictions]
    assert len(acknowledged) > ROUNDS
    sys.stdout.write(f"centre: {ROUNDS} kills, {len(acknowledged)} reports acknowledged, {len(stored)} stored, none twice\n")
