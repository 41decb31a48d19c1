"""kill -9 of a real exporter at random points of release, scan and delivery: every report arrives, and arrives once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from acts_cast import Ahead, Hospital, centre_of
from studyscope_contract.report import Report, SignedReport
from studyscope_exporter.handing_in import signed_requests
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

ROUNDS = int(os.environ.get("STUDYSCOPE_KILL_ROUNDS", "4"))
TESTS = Path(__file__).resolve().parents[2]


class Exporter:
    """The program of `killed_site.py`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self, days: int) -> int:
        """Begins a release of that day; its process."""
        self._say(str(days))
        return int(self._hear())

    def ended(self) -> int:
        return int(self._hear().removeprefix("done "))

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def exporter(site: Path, log: Path) -> Iterator[Exporter]:
    paths = os.pathsep.join([str(TESTS), *(path for path in sys.path if path)])
    with log.open("wb") as sink:
        command = [sys.executable, str(TESTS / "killed_site.py"), str(site)]
        environment = {**os.environ, "PYTHONPATH": paths}
        with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=sink, text=True, env=environment) as process:
            yield Exporter(process)
            assert process.stdin is not None
            process.stdin.close()


def accepted(hospital: Hospital) -> list[Report]:
    """What the centre holds of the site, asked for as a recovery does."""
    with Site(read_site_file(hospital.file), Ahead()) as site:
        client = site.client(site.studies[0])
        try:
            raw = list(client.own_reports(signed_requests(site, site.studies[0]), 0))
        finally:
            client.close()
    return [SignedReport.from_bytes(one).report for one in raw]


def test_every_report_arrives_and_arrives_once(tmp_path: Path) -> None:
    rng, hospital = random.Random(11), Hospital(tmp_path / "berlin", patients=30)
    with centre_of(hospital) as (_, clock), exporter(hospital.file, tmp_path / "log") as program:
        hospital.scanned_and_approved()
        program.begin(0)  # once it has forked, everything is imported
        started = time.monotonic()
        assert program.ended() == 0, (tmp_path / "log").read_text()
        whole = time.monotonic() - started
        killed = day = 0
        for number in range(1, ROUNDS + 1):
            day += rng.random() < 0.7  # some days are tried again after the kill
            clock.days = day
            started, child = time.monotonic(), program.begin(day)
            if number % 10 == 0:  # how long a run takes changes with what else the machine does
                program.ended()
                whole = time.monotonic() - started
                continue
            time.sleep(rng.uniform(0, 1.2 * whole))
            with suppress(ProcessLookupError):  # it was quicker
                os.kill(child, signal.SIGKILL)
            killed += program.ended() == -signal.SIGKILL
        clock.days = day + 1
        program.begin(day + 1)
        assert program.ended() == 0, (tmp_path / "log").read_text()
        clock.days = 0
        reports = accepted(hospital)

    released = {line["sequence"]: line["content"] for line in hospital.ledger() if line["act"] == "release"}
    assert [report.sequence for report in reports] == list(range(1, len(released) + 1)), "none is missing, none is there twice"
    assert {report.sequence: report.content for report in reports} == released
    assert hospital.run("ledger", "verify") == 0
    assert killed >= ROUNDS // 4
    sys.stdout.write(f"exporter: {ROUNDS} rounds, {killed} killed, {len(reports)} reports, each there once\n")


def test_a_report_that_was_made_and_not_yet_put_out_is_sent_by_the_next_start(tmp_path: Path) -> None:
    hospital = Hospital(tmp_path / "berlin", patients=2)
    with Site(read_site_file(hospital.file), Ahead()) as site:
        (study,) = site.studies
        made = study.domain.release(None, site.facts(study), site.grid_point(study))  # and then the power went
        assert study.outbox.waiting() == []

    with Site(read_site_file(hospital.file), Ahead(1)) as site:
        (study,) = site.studies
        assert [one.read() for one in study.outbox.waiting()] == [made.to_bytes()]
