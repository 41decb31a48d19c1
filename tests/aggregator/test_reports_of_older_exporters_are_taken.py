"""Bytes that exporters of earlier releases really sent: a newer centre takes them, as they are.

`data/schema-N-….json` are never written anew. Who changes the report's form adds files of the new
form beside them; a centre reads the old ones for as long as a site may send them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
import yaml

from aggregator_cast import Centre, StandingClock, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.keys import SigningKey, VerifyingKey
from studyscope_contract.report import SCHEMA_VERSION, SignedReport

DATA = Path(__file__).parent / "data"
ACTIVE, WITHDRAWN = DATA / "schema-1-active.json", DATA / "schema-1-withdrawn.json"
KEY = VerifyingKey.parse((DATA / "schema-1.key").read_text().strip())


def answered(folder: Path, *reports: bytes) -> tuple[list[httpx.Response], str]:
    """What a centre that knows the old key says to each, and its page of metrics afterwards."""
    centre = Centre(folder / "registry")
    file = centre.folder / "sites.yaml"
    rows = yaml.safe_load(file.read_text())
    rows["sites"][0]["keys"][0]["key"] = KEY.text
    file.write_text(yaml.safe_dump(rows))
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        return [client.post("/api/v1/reports", content=raw) for raw in reports], client.get("/metrics").text


@pytest.mark.parametrize("file", [ACTIVE, WITHDRAWN], ids=lambda path: path.stem)
def test_old_bytes_are_still_canonical_and_still_verify(file: Path) -> None:
    signed = SignedReport.from_bytes(file.read_bytes())

    assert signed.to_bytes() == file.read_bytes()
    assert signed.is_signed_by(KEY)


def test_the_centre_takes_what_the_first_exporter_sent_and_shows_every_table(tmp_path: Path) -> None:
    (answer,), page = answered(tmp_path, ACTIVE.read_bytes())

    assert answer.status_code == 201, answer.text
    sent = json.loads(ACTIVE.read_bytes())["report"]["tables"]
    assert len(sent) > 40
    assert 'study_patients{study="liver",site="berlin"} 40' in page
    assert len(re.findall(r'study_table_version\{study="liver",site="berlin",table="[^"]+"', page)) == len(sent)


def test_the_centre_takes_that_an_old_exporter_left(tmp_path: Path) -> None:
    (first, then), page = answered(tmp_path, ACTIVE.read_bytes(), WITHDRAWN.read_bytes())

    assert (first.status_code, then.status_code) == (201, 201), then.text
    assert 'study_site_state{study="liver",site="berlin",state="withdrawn"} 1' in page
    assert "study_patients{" not in page


def test_an_exporter_newer_than_the_centre_is_told_who_has_to_update(tmp_path: Path) -> None:
    newer = ACTIVE.read_bytes().replace(b'"schema":1', f'"schema":{SCHEMA_VERSION + 1}'.encode())

    (answer,), _ = answered(tmp_path, newer)

    assert answer.status_code == 501
    assert answer.json()["reason"] == "newer_schema"
    assert "update the centre first" in answer.json()["message"]


def test_old_bytes_signed_by_another_key_are_refused(tmp_path: Path) -> None:
    report = SignedReport.from_bytes(ACTIVE.read_bytes()).report

    (answer,), _ = answered(tmp_path, SignedReport.sign(report, SigningKey.generate()).to_bytes())

    assert answer.json()["reason"] == "unknown_key"
