"""A report counts as delivered only with the centre's signed receipt for exactly these bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aggregator_cast import Centre, StandingClock, a_report, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.receipt import ReceiptProblem, SignedReceipt
from studyscope_exporter.delivery.outbox import Outbox
from studyscope_exporter.delivery.push import CentreClient, NotDelivered


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path / "registry")


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    made = SigningKey.generate()
    made.save(tmp_path / "centre.pem")
    return made


@pytest.fixture
def server(centre: Centre, key: SigningKey, tmp_path: Path) -> Iterator[httpx.Client]:
    del key
    settings = centre.settings().model_copy(update={"key": tmp_path / "centre.pem"})
    with served(create_app(settings, MemoryStore(), StandingClock())) as client:
        yield client


def client_of(server: httpx.Client, *keys: VerifyingKey) -> CentreClient:
    return CentreClient(str(server.base_url).rstrip("/"), proxy=None, timeout_seconds=5, keys=keys)


def test_the_receipt_is_verified_with_the_centre_s_key_and_kept(
    tmp_path: Path, centre: Centre, key: SigningKey, server: httpx.Client
) -> None:
    outbox, report = Outbox(tmp_path / "outbox"), centre.signed(a_report())
    outbox.put(report)
    client = client_of(server, key.public)

    assert client.deliver(outbox).accepted == 1
    client.close()

    kept = SignedReceipt.model_validate_json((tmp_path / "outbox" / "delivered" / "0000000001.receipt").read_bytes())
    assert kept.is_signed_by(key.public)
    assert kept.sha256 == hashlib.sha256(report.to_bytes()).hexdigest()


def test_a_receipt_of_another_key_leaves_the_report_waiting_and_says_what_to_do(
    tmp_path: Path, centre: Centre, server: httpx.Client
) -> None:
    outbox = Outbox(tmp_path / "outbox")
    outbox.put(centre.signed(a_report()))
    client = client_of(server, SigningKey.generate().public)

    with pytest.raises(NotDelivered, match=r"not signed by the centre's key .* call the coordinator") as caught:
        client.deliver(outbox)
    client.close()

    assert not caught.value.temporary
    assert [waiting.sequence for waiting in outbox.waiting()] == [1]


def test_the_same_report_gets_the_same_signed_receipt(centre: Centre, server: httpx.Client) -> None:
    body = centre.signed(a_report()).to_bytes()

    first, again = (server.post("/api/v1/reports", content=body) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content


@pytest.mark.parametrize("altered", [{"sequence": 2}, {"site": "lyon"}, {"accepted_at": "2026-06-02T00:00:00Z"}])
def test_a_receipt_that_was_altered_is_not_believed(
    centre: Centre, key: SigningKey, server: httpx.Client, altered: dict[str, object]
) -> None:
    body = centre.signed(a_report()).to_bytes()
    receipt = server.post("/api/v1/reports", content=body).json() | altered

    with pytest.raises(ReceiptProblem, match="not signed by the centre's key"):
        SignedReceipt.for_report(SignedReceipt.model_validate(receipt).to_bytes(), body, [key.public])


def test_a_page_of_a_proxy_that_answers_200_is_no_receipt() -> None:
    with pytest.raises(ReceiptProblem, match="answers in its place"):
        SignedReceipt.for_report(b"<html>Please log in</html>", b"report", [])
