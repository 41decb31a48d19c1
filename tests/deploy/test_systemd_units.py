"""The units are what systemd takes, hardened, and the programs answer as `Type=notify` with a watchdog wants."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from aggregator_cast import Centre, a_study
from studyscope_contract.keys import SigningKey
from studyscope_exporter.cli import main, parser

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
LEAST_EXPOSED = 2.0


def systemd_analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on this machine (Debian: apt-get install systemd)")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("unit", [*SERVICES, *UNITS.glob("*.timer")], ids=lambda path: path.name)
def test_systemd_finds_nothing_to_say_about_a_unit(unit: Path, tmp_path: Path) -> None:
    """With the program put where this machine has one: verify wants to see it."""
    for each in UNITS.glob("*.*"):
        text = re.sub(r"(/opt/studyscope/bin/|/etc/studyscope/configure)\S*", sys.executable, each.read_text())
        (tmp_path / each.name).write_text(text)

    done = systemd_analyze("verify", str(tmp_path / unit.name))

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_a_service_is_hardly_exposed(unit: Path) -> None:
    said = systemd_analyze("security", "--offline=true", str(unit)).stdout

    (level,) = re.findall(r"Overall exposure level for \S+ ([0-9.]+)", said)
    assert float(level) <= LEAST_EXPOSED


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_a_unit_calls_a_command_that_there_is(unit: Path) -> None:
    if "ExecStart=/etc/studyscope/configure follow\n" in unit.read_text():
        assert "\nfollow) exec " in (files("studyscope_aggregator.founding") / "configure.in").read_text()
        return
    (command,) = re.findall(r"(?m)^ExecStart=/opt/studyscope/bin/studyscope-(\S+) (.*)$", unit.read_text())

    if command[0] == "exporter":
        chosen = parser().parse_args(command[1].split())
        assert str(chosen.config) == "/etc/studyscope/site.yaml"
    else:
        from studyscope_aggregator.cli import parser as aggregators

        assert str(aggregators().parse_args(command[1].split()).config) == "/etc/studyscope/centre.yaml"


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_wrong_settings_start_no_storm_of_restarts(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    if "Type=oneshot" in text:
        assert "Restart=" not in text
        return
    if unit.name == "studyscope-mails.service":  # what is wrong in a file it reads again once it is corrected
        assert "RestartPreventExitStatus=2\n" in text
        return
    module = "studyscope_aggregator" if "aggregator" in unit.name else "studyscope_exporter.cli"
    verb = "serve" if "aggregator" in unit.name else "run"

    code = subprocess.run(
        [sys.executable, "-m", module, "--config", str(tmp_path / "none.yaml"), verb], capture_output=True, check=False
    )

    assert f"RestartPreventExitStatus={code.returncode}\n" in text
    assert "StartLimitBurst=" in text


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Listens as systemd does; what to start a program with."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(30)
        yield line, {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}


@contextmanager
def started(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that does not outlive the test, whatever the test finds."""
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
            process.wait(30)
        finally:
            process.kill()


def until(line: socket.socket, last: str) -> list[str]:
    heard = []
    while not heard or heard[-1] != last:
        heard.append(line.recv(1000).decode())
    return heard


def test_the_exporter_says_that_it_is_ready_that_it_lives_and_that_it_stops(
    tmp_path: Path, manager: tuple[socket.socket, dict[str, str]]
) -> None:
    (tmp_path / "liver.yaml").write_text(yaml.safe_dump(a_study()))
    key = SigningKey.generate().public.text
    site = ["--config", str(tmp_path / "site.yaml")]
    main(
        [
            *site,
            "init",
            "--study-file",
            str(tmp_path / "liver.yaml"),
            "--site",
            "berlin",
            "--centre",
            "http://127.0.0.1:9",
            "--approver",
            f"D={key}",
        ]
    )
    line, environment = manager
    with started([sys.executable, "-m", "studyscope_exporter.cli", *site, "run"], environment) as process:
        until(line, "READY=1")
        until(line, "WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        until(line, "STOPPING=1")

    assert process.returncode == 0


def test_the_aggregator_says_that_it_is_ready_and_lives(tmp_path: Path, manager: tuple[socket.socket, dict[str, str]]) -> None:
    Centre(tmp_path / "registry")
    (tmp_path / "centre.yaml").write_text("registry: registry\nstore: store.sqlite\nlisten: {port: 0}\n")
    line, environment = manager
    command = [sys.executable, "-m", "studyscope_aggregator", "--config", str(tmp_path / "centre.yaml"), "serve"]
    with started(command, environment) as process:
        heard = until(line, "WATCHDOG=1")
        process.send_signal(signal.SIGTERM)

    assert heard[0] == "READY=1"
