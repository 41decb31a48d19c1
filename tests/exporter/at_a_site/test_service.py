"""The service keeps to the grid: it scans before it, releases at it, delivers at its own minute, and loses nothing."""

import datetime as dt
import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from site_cast import write_patient
from studyscope_contract.keys import SigningKey
from studyscope_contract.receipt import SignedReceipt
from studyscope_contract.report import Report, SignedReport
from studyscope_exporter import daemon
from studyscope_exporter.disclosure.contributions import POPULATION
from studyscope_exporter.identity import SiteIdentity
from studyscope_exporter.inventory.schema import SCHEMA
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site

START = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
STUDY = """\
schema: 1
id: liver
title: Liver
version: 1
leads: [{name: Dr. Lead, mail: lead@study.example}]
sites: [{id: berlin, name: Berlin, city: Berlin, latitude: 52.5, longitude: 13.4, member_from: 2026-01-01}]
stages: [imaged]
"""


class LeapingClock:
    """A clock that leaps to whatever is waited for; at `end` it sets `stop`."""

    def __init__(self, end: dt.datetime, stop: threading.Event) -> None:
        self._now, self._end, self._stop = START, end, stop
        self.waited: list[dt.datetime] = []
        self.at: dict[dt.datetime, Callable[[], None]] = {}

    def now(self) -> dt.datetime:
        return self._now

    def sleep_until(self, moment: dt.datetime) -> None:
        self.waited.append(moment)
        for due in sorted(due for due in self.at if due <= moment):
            self.at.pop(due)()
        self._now = max(self._now, moment)
        if self._now >= self._end:
            self._stop.set()

    def wake(self) -> None:
        self._stop.set()


def receipt_for(report: Report, body: bytes) -> SignedReceipt:
    return SignedReceipt(
        study=report.study,
        site=report.site,
        sequence=report.sequence,
        grid_point=report.grid_point,
        sha256=hashlib.sha256(body).hexdigest(),
        accepted_at=START,
    )


class Centre:
    """A centre on the loopback that can be shut for a while; `reports` is what it took, with the clock's time."""

    def __init__(self) -> None:
        self.open, self.reports, self.clock = True, list[tuple[dt.datetime, Report]](), lambda: START
        centre = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                report = SignedReport.from_bytes(body).report
                if centre.open:
                    centre.reports.append((centre.clock(), report))
                answer = receipt_for(report, body).to_bytes()
                self.send_response(201 if centre.open else 503)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.port = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def centre() -> Iterator[Centre]:
    opened = Centre()
    yield opened
    opened.close()


@pytest.fixture
def site_file(tmp_path: Path, centre: Centre) -> Path:
    for number in range(30):
        write_patient(tmp_path / "dicom", number)
    (tmp_path / "study.yaml").write_text(STUDY)
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: berlin\nstate: state\nkeys: keys\nsources: [{name: archive, kind: folder, path: dicom}]\n"
        f"studies:\n  - study_file: study.yaml\n    centre: {{url: 'http://127.0.0.1:{centre.port}'}}\n    minute: 17\n"
        f"    approvers: [{{name: DPO, key: '{SigningKey.generate().public.text}'}}]\n"
    )
    SiteIdentity.create(tmp_path / "keys")
    return path


def serve(site_file: Path, centre: Centre, days: int, at: dict[dt.datetime, Callable[[], None]] | None = None) -> LeapingClock:
    stop = threading.Event()
    clock = LeapingClock(START + dt.timedelta(days=days), stop)
    clock.at, centre.clock = at or {}, clock.now
    daemon.run(read_site_file(site_file), clock, stop)
    return clock


def test_every_grid_point_has_one_report_sent_at_the_sites_own_minute(site_file: Path, centre: Centre) -> None:
    serve(site_file, centre, days=4)

    assert [f"{moment:%m-%d %H:%M}" for moment, _ in centre.reports] == [
        "06-02 04:17",
        "06-03 04:17",
        "06-04 04:17",
        "06-05 04:17",
    ]
    assert [report.sequence for _, report in centre.reports] == [1, 2, 3, 4]
    assert len({report.content for _, report in centre.reports}) == 1, "nothing moved, nothing looks different"


def test_a_scan_begins_before_each_grid_point(site_file: Path, centre: Centre) -> None:
    clock = serve(site_file, centre, days=2)

    assert dt.datetime(2026, 6, 2, 1, tzinfo=dt.UTC) in clock.waited


def test_while_the_centre_is_away_reports_wait_and_then_all_arrive_in_order(site_file: Path, centre: Centre) -> None:
    centre.open = False
    back = {dt.datetime(2026, 6, 4, 12, tzinfo=dt.UTC): lambda: setattr(centre, "open", True)}

    serve(site_file, centre, days=5, at=back)

    assert [report.sequence for _, report in centre.reports] == [1, 2, 3, 4, 5]
    assert centre.reports[0][0] > dt.datetime(2026, 6, 4, 11, tzinfo=dt.UTC)


def test_a_service_that_was_stopped_goes_on_with_the_next_number(site_file: Path, centre: Centre) -> None:
    serve(site_file, centre, days=2)
    serve(site_file, centre, days=4)

    assert [report.sequence for _, report in centre.reports] == [1, 2, 3, 4]


def test_a_scan_that_was_cut_short_is_not_counted_from(site_file: Path, centre: Centre) -> None:
    serve(site_file, centre, days=1)
    stop = threading.Event()
    with Site(read_site_file(site_file), LeapingClock(START, stop)) as site:
        assert site.contributions(site.studies[0]) is not None

        (site_file.parent / "state" / "scan-unfinished").touch()
        site.studies[0].collected = None

        assert site.contributions(site.studies[0]) is None


def _of_an_older_release(inventory: Path) -> None:
    with closing(sqlite3.connect(inventory)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA - 1}")


@pytest.mark.parametrize("lose", [_of_an_older_release, Path.unlink])
def test_an_inventory_that_was_made_anew_is_no_news_that_everybody_left(
    site_file: Path, centre: Centre, lose: Callable[[Path], None]
) -> None:
    serve(site_file, centre, days=1)
    lose(site_file.parent / "state" / "inventory.sqlite")
    with Site(read_site_file(site_file), LeapingClock(START, threading.Event())) as site:
        before = site.contributions(site.studies[0])
        site.scan()
        after = site.contributions(site.studies[0])

    assert before is None
    assert after is not None
    assert len(after.tables[POPULATION]) == 30


def test_a_study_version_that_is_accepted_while_the_service_runs_is_in_force_at_the_next_grid_point(
    site_file: Path, centre: Centre
) -> None:
    study = site_file.parent / "study.yaml"
    accepted = {dt.datetime(2026, 6, 3, 12, tzinfo=dt.UTC): lambda: study.write_text(STUDY.replace("version: 1", "version: 2"))}

    serve(site_file, centre, days=4, at=accepted)

    said = [(f"{moment:%m-%d}", report.facts.study_version) for moment, report in centre.reports]
    assert said == [("06-02", 1), ("06-03", 1), ("06-04", 2), ("06-05", 2)]
    assert [report.sequence for _, report in centre.reports] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "text",
    ["version: [", STUDY.replace("version: 1", "version: 0"), STUDY.replace("Liver", "Edited"), STUDY.replace("liver", "lung")],
)
def test_a_study_file_that_is_broken_or_no_newer_version_stops_nothing(site_file: Path, centre: Centre, text: str) -> None:
    study = site_file.parent / "study.yaml"

    serve(site_file, centre, days=3, at={dt.datetime(2026, 6, 2, 12, tzinfo=dt.UTC): lambda: study.write_text(text)})

    assert [report.facts.study_version for _, report in centre.reports] == [1, 1, 1]
