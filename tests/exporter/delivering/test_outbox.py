"""Delivery loses nothing and doubles nothing, whatever the network does."""

import datetime as dt
import hashlib
import json
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from studyscope_contract.keys import SigningKey
from studyscope_contract.policy import Policy
from studyscope_contract.receipt import SignedReceipt
from studyscope_contract.report import PolicyStatement, Report, SignedReport, SiteFacts
from studyscope_exporter.delivery.outbox import KEPT_DELIVERED, Outbox
from studyscope_exporter.delivery.push import CentreClient, NotDelivered, backoff_seconds

KEY = SigningKey.generate()


def a_report(sequence: int) -> SignedReport:
    policy, facts = PolicyStatement.of(Policy()), SiteFacts(release="0.1.0", study_version=1)
    content = Report.hash_of(policy, facts, ())
    report = Report(
        study="liver", site="berlin", sequence=sequence, grid_point=20_000 + sequence, policy=policy, facts=facts, content=content
    )
    return SignedReport.sign(report, KEY)


def receipt_for(body: bytes) -> SignedReceipt:
    report = SignedReport.from_bytes(body).report
    return SignedReceipt(
        study=report.study,
        site=report.site,
        sequence=report.sequence,
        grid_point=report.grid_point,
        sha256=hashlib.sha256(body).hexdigest(),
        accepted_at=dt.datetime(2026, 6, 1, tzinfo=dt.UTC),
    )


class Centre(BaseHTTPRequestHandler):
    """A centre on the loopback that answers as it is told, and remembers what it got."""

    answers: ClassVar[list[tuple[int, bytes]]] = []
    received: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = Centre.answers.pop(0) if Centre.answers else (201, receipt_for(body).to_bytes())
        if status in (200, 201):
            Centre.received.append(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def client() -> Iterator[CentreClient]:
    Centre.answers, Centre.received = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Centre)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    opened = CentreClient(f"http://127.0.0.1:{server.server_port}", proxy=None, timeout_seconds=5)
    yield opened
    opened.close()
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_waits_is_sent_oldest_first_and_only_once(tmp_path: Path, client: CentreClient) -> None:
    outbox = Outbox(tmp_path)
    for sequence in (2, 10, 1):
        outbox.put(a_report(sequence))

    assert client.deliver(outbox).accepted == 3
    assert client.deliver(outbox).accepted == 0

    assert [SignedReport.from_bytes(body).report.sequence for body in Centre.received] == [1, 2, 10]
    assert outbox.last_delivered() == 10


def test_a_report_that_was_delivered_is_not_put_again(tmp_path: Path, client: CentreClient) -> None:
    outbox = Outbox(tmp_path)
    outbox.put(a_report(1))
    client.deliver(outbox)

    outbox.put(a_report(1))

    assert outbox.waiting() == []


def test_a_centre_in_trouble_keeps_everything_waiting_in_order(tmp_path: Path, client: CentreClient) -> None:
    outbox = Outbox(tmp_path)
    outbox.put(a_report(1))
    outbox.put(a_report(2))
    Centre.answers = [(201, receipt_for(a_report(1).to_bytes()).to_bytes()), (503, b"down for maintenance")]

    with pytest.raises(NotDelivered, match="503 down for maintenance") as caught:
        client.deliver(outbox)

    assert caught.value.temporary
    assert [report.sequence for report in outbox.waiting()] == [2]


def test_a_centre_that_is_not_there_is_a_temporary_trouble(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put(a_report(1))
    nobody = CentreClient("http://127.0.0.1:9", proxy=None, timeout_seconds=1)

    with pytest.raises(NotDelivered, match="cannot be reached") as caught:
        nobody.deliver(outbox)

    nobody.close()
    assert caught.value.temporary
    assert len(outbox.waiting()) == 1


def test_a_key_that_the_centre_does_not_know_yet_loses_no_report(tmp_path: Path, client: CentreClient) -> None:
    outbox = Outbox(tmp_path)
    outbox.put(a_report(1))
    Centre.answers = [(401, json.dumps({"reason": "unknown_key", "message": "ask the coordinator to accept your key"}).encode())]

    with pytest.raises(NotDelivered, match=r"ask the coordinator to accept your key \(unknown_key\)") as caught:
        client.deliver(outbox)

    assert not caught.value.temporary
    assert len(outbox.waiting()) == 1


def test_a_report_refused_for_what_it_is_is_set_aside_with_the_reason_and_the_next_goes_on(
    tmp_path: Path, client: CentreClient
) -> None:
    outbox = Outbox(tmp_path)
    outbox.put(a_report(1))
    outbox.put(a_report(2))
    Centre.answers = [(422, json.dumps({"reason": "unknown_table", "temporary": False, "message": "update the centre"}).encode())]

    done = client.deliver(outbox)

    assert (done.accepted, done.set_aside) == (1, 1)
    assert outbox.refusals() == {1: "422 update the centre (unknown_table)"}


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_the_error_page_of_a_proxy_sets_no_report_aside(tmp_path: Path, client: CentreClient, status: int) -> None:
    outbox = Outbox(tmp_path)
    outbox.put(a_report(1))
    Centre.answers = [(status, b"<html>The SSL certificate error</html>")]

    with pytest.raises(NotDelivered, match=str(status)):
        client.deliver(outbox)
    assert len(outbox.waiting()) == 1


def test_delivered_reports_are_kept_for_ninety_days_and_no_longer(tmp_path: Path, client: CentreClient) -> None:
    outbox = Outbox(tmp_path)
    for sequence in range(1, KEPT_DELIVERED + 4):
        outbox.put(a_report(sequence))

    client.deliver(outbox)

    kept = sorted((tmp_path / "delivered").glob("*.json"))
    assert len(kept) == KEPT_DELIVERED
    assert kept[0].name == "0000000004.json"


def test_a_half_written_report_of_a_killed_exporter_is_not_sent(tmp_path: Path, client: CentreClient) -> None:
    outbox = Outbox(tmp_path)
    (tmp_path / "waiting" / ".0000000001.json.new").write_bytes(b"{half")
    outbox.put(a_report(1))

    assert client.deliver(outbox).accepted == 1


def test_pauses_grow_to_a_quarter_of_an_hour_and_spread() -> None:
    rng = random.Random(1)

    pauses = [backoff_seconds(attempt, rng) for attempt in range(1, 12)]

    assert 5 <= pauses[0] <= 10
    assert 450 <= pauses[-1] <= 900
    assert backoff_seconds(5, rng) != backoff_seconds(5, rng)
