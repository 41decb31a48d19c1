"""The network between a site and its centre is cut, in a network namespace of their own: reports wait, and arrive once."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from acts_cast import STUDY, Hospital
from studyscope_contract.keys import SigningKey

TESTS, PORT, DAYS = Path(__file__).resolve().parents[2], 9000, 10
pytestmark = pytest.mark.real


class Network:
    """A network namespace in which a site and a centre see each other, and nobody else."""

    def __init__(self, name: str) -> None:
        self.name = name

    def program(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        paths = os.pathsep.join([str(TESTS), *(path for path in sys.path if path)])
        command = ["ip", "netns", "exec", self.name, sys.executable, *map(str, arguments)]
        return subprocess.Popen(
            command, stdin=-1, stdout=-1, stderr=-1, text=True, env={**os.environ, "PYTHONPATH": paths, **environment}
        )

    def cut(self) -> None:
        _ip("-n", self.name, "link", "set", "lo", "down")

    def mend(self) -> None:
        _ip("-n", self.name, "link", "set", "lo", "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def network() -> Iterator[Network]:
    name = f"studyscope-{os.getpid()}"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("making a network namespace is not permitted here: run as root, with iproute2, to try a cut network")
    try:
        made = Network(name)
        made.mend()
        yield made
    finally:
        _ip("netns", "del", name)


@contextmanager
def centre_in(network: Network, hospital: Hospital) -> Iterator[Path]:
    """A centre that knows the hospital's key; the file of its store."""
    folder = hospital.folder / "centre"
    (folder / "studies").mkdir(parents=True)
    key = SigningKey.load(hospital.folder / "keys" / "signing.pem").public.text
    keys = [{"key": key, "valid_from": "2020-01-01", "valid_until": "2099-01-01"}]
    (folder / "sites.yaml").write_text(yaml.safe_dump({"sites": [{"id": "berlin", "registered": "2026-01-01", "keys": keys}]}))
    (folder / "studies" / "liver.yaml").write_text(STUDY.format(study="liver"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(folder / "ready"))
        ready.settimeout(120)
        arguments = TESTS / "centre_ahead.py", folder, str(PORT), str(DAYS)
        with network.program(*arguments, NOTIFY_SOCKET=str(folder / "ready")) as process:
            try:
                assert ready.recv(100) == b"READY=1"
                yield folder / "store.sqlite"
            finally:
                process.terminate()
                process.communicate()


def day(site: subprocess.Popen[str], number: int) -> int:
    """The exit code of a run on that day."""
    assert site.stdin is not None
    assert site.stdout is not None
    site.stdin.write(f"{number}\n")
    site.stdin.flush()
    site.stdout.readline()  # the process
    return int(site.stdout.readline().removeprefix("done "))


def stored(store: Path) -> list[int]:
    with sqlite3.connect(store) as database:
        return [sequence for (sequence,) in database.execute("SELECT sequence FROM reports ORDER BY sequence")]


def test_reports_of_days_without_a_network_wait_and_arrive_once(tmp_path: Path, network: Network) -> None:
    hospital = Hospital(tmp_path / "berlin", patients=2, centre=f"http://127.0.0.1:{PORT}")
    hospital.file.write_text(hospital.file.read_text().replace("timeout_seconds: 5", "timeout_seconds: 1"))
    hospital.scanned_and_approved()
    with centre_in(network, hospital) as store, network.program(TESTS / "killed_site.py", hospital.file) as site:
        before = day(site, 0), stored(store)
        network.cut()
        without = [day(site, number) for number in (1, 2, 3)], stored(store)
        network.mend()
        after = day(site, 4), stored(store)
        _, said = site.communicate()

    assert before == (0, [1])
    assert without == ([1, 1, 1], [1])
    assert said.count("nothing is lost") == 3
    assert after == (0, [1, 2, 3, 4, 5])
    assert hospital.run("ledger", "verify") == 0
