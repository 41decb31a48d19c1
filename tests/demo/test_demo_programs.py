"""The demo's own small programs: the line that can be cut, the mailbox, the ports, the order of days."""

from __future__ import annotations

import datetime as dt
import smtplib
import socket
import threading
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from studyscope_dashboards.look.grafana_server import grafana_command
from studyscope_demo.clock import ClockDriver, DemoClock
from studyscope_demo.folder import DemoFolder
from studyscope_demo.ports import HOST, choose_ports
from studyscope_demo.profiles import read_profiles
from studyscope_demo.programs.mailbox import read_mails
from studyscope_demo.servers import container_command, own_program, write_grafana_files
from studyscope_demo.supervisor import Supervisor
from studyscope_demo.timeline import CatchUp, Plan, Watch
from studyscope_demo.world.hospital_days import HospitalDays


def free_port() -> int:
    return choose_ports({"one": 0}).by_server["one"]


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{port}/", timeout=1, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def until(answer: bool, port: int) -> bool:
    return any(answers(port) == answer for _ in range(400) if not threading.Event().wait(0.02))


def test_a_line_passes_bytes_on_until_it_is_cut_and_again_once_it_is_mended(tmp_path: Path) -> None:
    far, near, cut = free_port(), free_port(), tmp_path / "cut"
    supervisor = Supervisor(tmp_path)
    (tmp_path / "mails").mkdir()
    try:
        mailbox = own_program("far", "mailbox", str(tmp_path / "mails"), HOST, str(free_port()), str(far))
        supervisor.start("far", mailbox.command)
        supervisor.start("line", own_program("line", "line", f"{HOST}:{near}", f"{HOST}:{far}", str(cut)).command)
        assert until(True, near)
        cut.touch()
        assert until(False, near)
        assert answers(far)
        cut.unlink()
        assert until(True, near)
    finally:
        supervisor.stop()


def send(port: int, html: str) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Zürich is silent", "a@centre.example", "lead@study.example"
    message["Date"] = "Mon, 01 Jun 2026 10:00:00 +0000"
    message.set_content("Call their IT.")
    message.add_alternative(html, subtype="html")
    with smtplib.SMTP(HOST, port) as client:
        client.send_message(message)


def test_a_mail_is_kept_listed_and_shown_without_its_scripts_running(tmp_path: Path) -> None:
    web, smtp, mails = free_port(), free_port(), tmp_path / "mails"
    mails.mkdir()
    supervisor = Supervisor(tmp_path)
    try:
        supervisor.start("mails", own_program("mails", "mailbox", str(mails), HOST, str(smtp), str(web)).command)
        assert until(True, web)
        send(smtp, "<p>Call them.</p><script>alert(1)</script>")
        assert [mail.subject for mail in read_mails(mails)] == ["Zürich is silent"]
        with httpx.Client(base_url=f"http://{HOST}:{web}", trust_env=False) as client:
            assert "Zürich is silent" in client.get("/").text
            shown = client.get("/mails/1").text
            assert "Call their IT." in shown
            assert "<script>" not in shown
            assert "sandbox" in client.get("/mails/1/html").headers["Content-Security-Policy"]
            assert client.get("/mails/2").status_code == 404
            assert '<h2 id="site_silent">' in client.get("/runbooks.html").text
    finally:
        supervisor.stop()


def test_a_busy_port_is_avoided_and_named() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        busy = taken.getsockname()[1]
        ports = choose_ports({"aggregator": busy, "prometheus": free_port()})
    assert ports.moved == ("aggregator",)
    assert ports.by_server["aggregator"] != busy


def test_grafana_is_taken_from_its_home_and_none_is_named_with_a_container_command(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "grafana").touch(mode=0o755)
    assert grafana_command({"GRAFANA_HOME": str(tmp_path)}) == [
        str(tmp_path / "bin" / "grafana"),
        "server",
        f"--homepath={tmp_path}",
    ]
    assert grafana_command({"PATH": str(tmp_path / "nothing")}) is None
    assert f"-e GF_PATHS_PROVISIONING={tmp_path}/grafana/provisioning" in container_command(DemoFolder(tmp_path))


def test_grafana_in_a_container_finds_its_data_folder_and_a_password_that_nobody_knows(tmp_path: Path) -> None:
    write_grafana_files(DemoFolder(tmp_path), choose_ports())

    here = tmp_path / "grafana"
    assert (here / "data").is_dir()
    assert f"admin_password = $__file{{{here}/admin-password}}" in (here / "grafana.ini").read_text()
    assert len((here / "admin-password").read_text()) >= 24


class Exporter(threading.Thread):
    """Wakes at 20:00 and at 04:00 as the exporter's service does, and notes when it saw how many files."""

    def __init__(self, clock: DemoClock, folder: Path, days: int, first: dt.datetime) -> None:
        super().__init__(daemon=True)
        self.clock, self.folder, self.days, self.first = clock, folder, days, first
        self.seen: list[tuple[dt.datetime, int]] = []

    def run(self) -> None:
        for day in range(self.days):
            self.clock.sleep_until(self.first + dt.timedelta(days=day, hours=20))
            self.seen.append((self.clock.now(), len(list(self.folder.rglob("*.dcm")))))
            self.clock.sleep_until(self.first + dt.timedelta(days=day, hours=28))
        self.clock.sleep_until(self.first + dt.timedelta(days=1000))


def test_in_the_catch_up_every_exporter_sees_each_evening_what_was_there_then(tmp_path: Path) -> None:
    profiles = read_profiles()
    hospital = profiles.hospitals[0].model_copy(update={"backlog": 5, "per_day": 4.0})
    plan = Plan(dt.date(2026, 1, 1), caught_up=6)
    driver = ClockDriver(tmp_path / "clock")
    driver.hold(plan.midnight(0))
    life = HospitalDays(hospital, profiles.devices(hospital), tmp_path / "h", plan.first_day, seed=1)
    exporter = Exporter(DemoClock(tmp_path / "clock", tmp_path / "waiting"), tmp_path / "h", 6, plan.midnight(0))
    exporter.start()
    passed: list[int] = []
    CatchUp(plan, driver, [life], [tmp_path / "waiting"], lambda: None).run(passed.append)
    exporter.clock.wake()
    exporter.join(5)
    assert passed == list(range(6))
    assert [moment.date() for moment, _ in exporter.seen] == [plan.midnight(day).date() for day in range(6)]
    counts = [count for _, count in exporter.seen]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == len(list((tmp_path / "h").rglob("*.dcm")))


def test_in_the_watched_days_the_line_is_cut_and_mended_when_planned(tmp_path: Path) -> None:
    today = dt.datetime.now(dt.UTC).date()
    plan = Plan(today - dt.timedelta(days=30), caught_up=10, seconds_per_day=0.05, silent_from=12, silent_until=15)
    driver = ClockDriver(tmp_path / "clock")
    watch = Watch(plan, driver, [], DemoFolder(tmp_path), "zurich")
    watch.begin()
    cut, happened = [], []
    while not happened or "today" not in happened[-1]:
        happened += watch.step()
        cut.append((tmp_path / "lines-cut" / "zurich").exists())
        if driver.now().date() >= today:
            break
    assert True in cut
    assert cut[-1] is False
    assert sum("is cut" in line for line in happened) == sum("is mended" in line for line in happened) == 1


@pytest.mark.parametrize("arguments", [["status"], ["stop"], ["mails"]])
def test_without_a_demo_the_commands_say_so(tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from studyscope_demo.cli import main

    code = main(["--folder", str(tmp_path / "none"), *arguments])
    said = capsys.readouterr()
    assert code == (1 if arguments == ["status"] else 0)
    assert "no" in (said.out + said.err)


def test_a_folder_with_other_files_is_never_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from studyscope_demo.cli import main

    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["--folder", str(tmp_path), "run"]) == 1
    assert (tmp_path / "thesis.txt").exists()
    assert "choose another --folder" in capsys.readouterr().err
