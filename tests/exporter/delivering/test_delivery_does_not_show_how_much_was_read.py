"""Non-interference (privacy.md T11): no new file or ten thousand, the centre gets the same bytes at the same second."""

import datetime as dt
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import pytest

from local_server import Answer, Asked, served
from page_cast import copied_site, make_site, run
from studyscope_contract.receipt import SignedReceipt
from studyscope_contract.report import SignedReport
from studyscope_exporter import daemon
from studyscope_exporter.settings import read_site_file

START = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
NEW_FILES = 10_000


@dataclass
class WorkingClock:
    """A clock that leaps to what is waited for; in the hours of the scan each look at it, so each bundle of files, takes a while."""

    seconds: float
    stop: threading.Event = field(default_factory=threading.Event)
    time: dt.datetime = START
    looks: int = 0
    at: dict[dt.datetime, Callable[[], None]] = field(default_factory=dict)

    def now(self) -> dt.datetime:
        self.looks += 1
        if self.time.hour in (1, 2, 3):
            self.time += dt.timedelta(seconds=self.seconds)
        return self.time

    def sleep_until(self, moment: dt.datetime) -> None:
        for due in sorted(due for due in self.at if due <= moment):
            self.at.pop(due)()
        self.time = max(self.time, moment)
        if self.time >= START + dt.timedelta(days=3):
            self.stop.set()

    def wake(self) -> None:
        self.stop.set()


@dataclass(frozen=True)
class Seen:
    """What somebody on the line, or the centre, sees of one delivery."""

    at: dt.datetime
    body: bytes
    headers: tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    path = make_site(folder)
    assert run(path, "approve", "--key", str(folder / "officer.pem"), "--yes") == 0
    return path


def more_of_a_patient(folder: Path) -> None:
    """Ten thousand more slices of a series that is known: no patient, series or table changes."""
    first = sorted(folder.glob("*.dcm"))[0]
    uid, content = str(pydicom.dcmread(first).SOPInstanceUID).encode(), first.read_bytes()
    for number in range(NEW_FILES):
        (folder / f"more-{number}.dcm").write_bytes(content.replace(uid, uid[:-5] + b"%05d" % number))


def deliveries(site: Path, seconds: float, new: Callable[[], None]) -> tuple[list[Seen], int]:
    """What is delivered in three days, `new` happening on the second, and how often the clock was looked at."""
    clock, seen = WorkingClock(seconds), list[Seen]()
    clock.at[START + dt.timedelta(days=1)] = new

    def answer(asked: Asked) -> Answer:
        if asked.method != "POST":
            return Answer(b"", 404)
        report = SignedReport.from_bytes(asked.body).report
        apart = {"host", "date"}  # the port of the test's server
        headers = tuple(sorted((name.lower(), value) for name, value in asked.headers.items() if name.lower() not in apart))
        seen.append(Seen(clock.time, asked.body, headers))
        return Answer(_receipt(report.study, report.site, report.sequence, report.grid_point, asked.body), 201)

    with served(answer) as centre:
        text = (
            site.read_text().replace("http://127.0.0.1:9", centre.url).replace("    approvers:", "    minute: 17\n    approvers:")
        )
        site.write_text(text)
        daemon.run(read_site_file(site), clock, clock.stop)
    return seen, clock.looks


def _receipt(study: str, site: str, sequence: int, grid_point: int, body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return SignedReceipt(
        study=study, site=site, sequence=sequence, grid_point=grid_point, sha256=digest, accepted_at=START
    ).to_bytes()


@pytest.mark.parametrize(("seconds", "cut_off"), [(1.0, False), (600.0, True)])
def test_no_new_file_and_ten_thousand_look_the_same(
    approved: Path, tmp_path: Path, seconds: float, cut_off: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where all of them lie in one folder and the scan is still running at the grid point."""
    caplog.set_level("INFO")
    quiet, busy = (copied_site(approved, _made(tmp_path / name)) for name in ("quiet", "busy"))
    nothing, few_looks = deliveries(quiet, seconds, lambda: None)
    much, many_looks = deliveries(busy, seconds, lambda: more_of_a_patient(busy.parent / "dicom"))

    assert many_looks - few_looks > 15, "the control: on this clock the work did take its time"
    assert ("still running at the cut-off" in caplog.text) == cut_off
    assert len(nothing) >= 2
    assert [(one.at, len(one.body), one.headers) for one in much] == [(one.at, len(one.body), one.headers) for one in nothing]
    assert {one.at.minute for one in much} == {17}
    assert [_tables(one) for one in much] == [_tables(one) for one in nothing]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _tables(one: Seen) -> object:
    return SignedReport.from_bytes(one.body).report.tables
