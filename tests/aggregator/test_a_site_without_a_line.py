"""Delivery by file: out of the site, into the centre, and the signed receipts back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from aggregator_cast import Centre, StandingClock, a_report, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.cli import main
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.keys import SigningKey
from studyscope_exporter.cli import main as exporter
from studyscope_exporter.delivery.outbox import Outbox
from studyscope_exporter.identity import SiteIdentity


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    SigningKey.generate().save(tmp_path / "centre.pem")
    return Centre(tmp_path / "registry")


@pytest.fixture
def client(centre: Centre, tmp_path: Path) -> Iterator[httpx.Client]:
    settings = centre.settings().model_copy(update={"key": tmp_path / "centre.pem"})
    with served(create_app(settings, MemoryStore(), StandingClock())) as client:
        config = {
            "registry": "registry",
            "store": "store.sqlite",
            "listen": {"host": "127.0.0.1", "port": client.base_url.port},
        }
        (tmp_path / "centre.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        yield client


@pytest.fixture
def site(centre: Centre, tmp_path: Path) -> Path:
    """The site file of Berlin, with two reports that wait, the second of which the centre will not take."""
    study = {
        "study_file": str(centre.folder / "studies" / "liver.yaml"),
        "centre": {"url": "https://unreachable.example", "keys": [SigningKey.load(tmp_path / "centre.pem").public.text]},
        "approvers": [{"name": "A. Prover", "key": SigningKey.generate().public.text}],
    }
    content = {"site": "berlin", "state": "site/state", "keys": "site/keys", "studies": [study]}
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    SiteIdentity.create(tmp_path / "site" / "keys")
    outbox = outbox_of(tmp_path)
    outbox.put(centre.signed(a_report()))
    outbox.put(centre.signed(a_report(sequence=2)))  # of the same grid point
    return file


def outbox_of(folder: Path) -> Outbox:
    return Outbox(folder / "site" / "state" / "studies" / "liver" / "outbox")


def test_reports_go_by_file_and_count_as_delivered_with_the_signed_receipt(
    client: httpx.Client, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, config = tmp_path / "out.reports", str(tmp_path / "centre.yaml")

    assert exporter(["--config", str(site), "export-report", str(file)]) == 0
    assert main(["import", str(file), "--config", config]) == 1
    words = capsys.readouterr().out
    assert "the centre holds 1 of 2 reports" in words
    assert "refused with 409: report 2 is of a grid point not after that of report 1" in words
    assert 'study_patients{study="liver",site="berlin"} 40\n' in client.get("/metrics").text
    assert [report.sequence for report in outbox_of(tmp_path).waiting()] == [1, 2]

    assert exporter(["--config", str(site), "import-receipt", f"{file}.receipts"]) == 1
    assert outbox_of(tmp_path).last_delivered() == 1
    assert list(outbox_of(tmp_path).refusals()) == [2]
    assert exporter(["--config", str(site), "import-receipt", f"{file}.receipts"]) == 0


def test_a_receipt_file_that_nobody_signed_delivers_nothing(client: httpx.Client, site: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.reports"
    exporter(["--config", str(site), "export-report", str(file)])
    main(["import", str(file), "--config", str(tmp_path / "centre.yaml")])
    answers = Path(f"{file}.receipts")
    first = json.loads(answers.read_text(encoding="utf-8").splitlines()[0])
    receipt = json.loads(first["text"])
    del receipt["key"], receipt["signature"]
    answers.write_text(json.dumps(first | {"text": json.dumps(receipt)}) + "\n", encoding="utf-8")

    assert exporter(["--config", str(site), "import-receipt", str(answers)]) == 1
    assert [report.sequence for report in outbox_of(tmp_path).waiting()] == [1, 2]
    del client


def test_an_import_while_the_centre_is_down_says_so(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {"registry": "registry", "store": "store.sqlite", "listen": {"host": "127.0.0.1", "port": 9}}
    (tmp_path / "centre.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    exporter(["--config", str(site), "export-report", str(tmp_path / "out.reports")])

    assert main(["import", str(tmp_path / "out.reports"), "--config", str(tmp_path / "centre.yaml")]) == 1
    assert "is `serve` running?" in capsys.readouterr().out
