"""A hospital of 162 women and 147 men: its logs, faults, mails, status, gauges and reports never say so (privacy.md T10).

Nor does anything that the centre keeps, logs or answers.
"""

import json
import logging
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client import generate_latest

from acts_cast import Ahead
from aggregator_cast import served
from page_cast import copied_site, make_site
from site_cast import CANARY, write_patient
from studyscope_aggregator.app import create_app
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.keys import SigningKey
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.fault_words import fault_words
from studyscope_exporter.local_mail import letters
from studyscope_exporter.local_metrics.gauges import LocalMetrics
from studyscope_exporter.local_metrics.standing import tell_standing
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site
from studyscope_exporter.troubles import troubles_of

WOMEN, MEN = 162, 147  # neither they nor their sum are the end of a bin, which anybody may name
TOLD = re.compile(rf"\b({WOMEN}|{MEN}|{WOMEN + MEN})\b|{CANARY.split('^')[0]}", re.IGNORECASE)
AS_A_PROGRAM = "import sys; from studyscope_exporter.cli import main; {fault}; sys.exit(main())"


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    path = make_site(folder, patients=0)
    for number in range(WOMEN + MEN):
        write_patient(folder / "dicom", number, "F" if number < WOMEN else "M")
    assert program(path, "scan", "--quiet").returncode == 0
    assert program(path, "approve", "--key", str(folder / "officer.pem"), "--yes").returncode == 0
    return path


@pytest.fixture
def site(scanned: Path, tmp_path: Path) -> Path:
    return copied_site(scanned, tmp_path)


def program(site: Path, *arguments: str, fault: str = "pass") -> "subprocess.CompletedProcess[str]":
    """The exporter as a service runs it, its output in no terminal."""
    command = [sys.executable, "-c", AS_A_PROGRAM.format(fault=fault), "--config", str(site), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def written(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes().decode("latin-1")


def test_the_search_finds_what_must_not_be_there(site: Path) -> None:
    """The control: the one command that may say it, to who sits before it."""
    assert TOLD.search(program(site, "count").stdout)


def test_a_day_of_the_service_writes_no_count_into_log_status_ledger_or_outbox(site: Path) -> None:
    once = program(site, "-v", "once", "--quiet")
    said = [
        once.stdout + once.stderr,
        *(program(site, *words).stdout for words in (["status"], ["status", "--json"], ["ledger", "list"], ["ledger", "export"])),
    ]
    kept = [
        (name, text)
        for name, text in written(site.parent / "state")
        if TOLD.search(text) and not name.endswith((".sqlite", ".bin"))
    ]

    assert "report 1" in said[0]
    assert [text for text in said if TOLD.search(text)] == []
    assert [name for name, _ in kept if name.endswith((".json", ".jsonl", ".txt"))] == []


def test_names_and_identifiers_are_in_no_file_of_the_state_whatever_its_form(site: Path) -> None:
    program(site, "once", "--quiet")
    raw = {path: path.read_bytes() for path in (site.parent / "state").rglob("*") if path.is_file()}

    assert len(raw) > 4
    assert [path.name for path, content in raw.items() if b"canary" in content.lower()] == []


def test_neither_mails_nor_gauges_say_it(site: Path) -> None:
    metrics = LocalMetrics()
    with Site(read_site_file(site), SystemClock()) as opened:
        tell_standing(opened, metrics)
        mails, _ = letters("berlin", opened.clock.now(), list(troubles_of(opened)), {})
    gauges = [
        line
        for line in generate_latest(metrics.registry).decode().splitlines()
        if "bytes" not in line and "timestamp" not in line
    ]

    assert not [mail for mail in mails if TOLD.search(mail.subject + mail.text)]
    assert not [line for line in gauges if TOLD.search(line)]


FAULT = """
from studyscope_exporter.disclosure.domain import Domain
def broken(self, contributions, facts, grid_point, women={women}, name='{name}'):
    try:
        raise KeyError(name)
    except KeyError as error:
        raise ValueError(f'{{women}} women, among them {{name}}') from error
Domain.release = broken
"""


def test_a_fault_in_the_middle_of_a_release_is_logged_by_place_and_never_by_value(site: Path) -> None:
    fault = f"exec({FAULT.format(women=WOMEN, name=CANARY)!r})"
    died = program(site, "-v", "once", "--quiet", fault=fault)

    assert died.returncode == 1
    assert not TOLD.search(died.stdout + died.stderr)
    assert "a fault of the program: ValueError at " in died.stderr
    assert "studyscope_exporter/site.py:" in died.stderr
    assert ", from KeyError at " in died.stderr


LOGGED = """
import logging
from studyscope_exporter.disclosure.domain import Domain
def broken(self, contributions, facts, grid_point):
    try:
        raise ValueError('{women} women, among them {name}')
    except ValueError:
        logging.getLogger('uvicorn.error').error('the page failed', exc_info=True)
    raise SystemExit(3)
Domain.release = broken
"""


def test_a_fault_that_a_library_logs_is_written_without_its_message_too(site: Path) -> None:
    died = program(site, "once", "--quiet", fault=f"exec({LOGGED.format(women=WOMEN, name=CANARY)!r})")

    assert died.returncode == 3
    assert "the page failed" in died.stderr
    assert "ValueError at " in died.stderr
    assert not TOLD.search(died.stderr)


def test_the_words_of_a_fault_follow_its_causes_and_end() -> None:
    first, second = ValueError("162"), KeyError("147")
    first.__cause__, second.__cause__ = second, first
    said = fault_words(first)

    assert said.startswith("a fault of the program: ValueError at no known place, from KeyError at no known place;")
    assert not TOLD.search(said)


def test_what_the_centre_refuses_and_answers_is_kept_beside_reports_that_hold_no_count(site: Path) -> None:
    program(site, "once", "--quiet")
    (report,) = (site.parent / "state" / "studies" / "liver" / "outbox" / "waiting").glob("*.json")
    shown = {cell["value"] for table in json.loads(report.read_bytes())["report"]["tables"] for cell in table["cells"]}

    assert {160, 150, 310} & shown
    assert not {WOMEN, MEN, WOMEN + MEN} & shown


def test_nothing_that_the_centre_keeps_logs_or_answers_says_it(
    site: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = centre_of(site, tmp_path / "centre")
    with served(create_app(settings, open_store(settings.store), Ahead())) as client:
        site.write_text(site.read_text().replace("http://127.0.0.1:9", str(client.base_url).rstrip("/")))
        once = program(site, "-v", "once", "--quiet")
        said = [once.stdout + once.stderr, *answers(client), *refusals(client, site)]
    outbox = site.parent / "state" / "studies" / "liver" / "outbox"
    assert len(list(outbox.glob("delivered/*.receipt"))) == 1
    receipts = [path.read_text() for path in outbox.rglob("*") if path.is_file()]
    kept = [text for name, text in written(tmp_path / "centre") if not name.endswith((".sqlite", "-wal", "-shm"))]
    with sqlite3.connect(settings.store) as store:
        rows = list(store.iterdump())

    everything = [*said, *receipts, *kept, *rows, caplog.text]
    assert any('study_patients{study="liver",site="berlin"} 310' in text for text in said), "the page was asked after delivery"
    assert any("berlin" in row for row in rows)
    assert [text[max(0, match.start() - 80) :][:160] for text in everything if (match := TOLD.search(text))] == []


def centre_of(site: Path, folder: Path) -> CentreSettings:
    """A centre that knows the hospital's key."""
    (folder / "studies").mkdir(parents=True)
    (folder / "studies" / "liver.yaml").write_bytes((site.parent / "study.yaml").read_bytes())
    key = SigningKey.load(site.parent / "keys" / "signing.pem").public.text
    keys = [{"key": key, "valid_from": "2020-01-01", "valid_until": "2099-01-01"}]
    (folder / "sites.yaml").write_text(yaml.safe_dump({"sites": [{"id": "berlin", "registered": "2026-01-01", "keys": keys}]}))
    return CentreSettings(registry=folder, store=folder / "store.sqlite")


def answers(client: httpx.Client) -> Iterator[str]:
    """Everything that can be asked without knowing more than the study and the site, with its headers."""
    paths = client.get("/openapi.json").json()["paths"]
    asked = {path.replace("{study}", "liver").replace("{site}", "berlin") for path, ways in paths.items() if "get" in ways}
    for path in sorted({"/", "/metrics", "/metrics/self", "/sites/liver/berlin", "/openapi.json", *asked}):
        if "{" not in path:
            answer = client.get(path)
            yield f"{path} {answer.status_code} {answer.headers} {answer.text}"


def refusals(client: httpx.Client, site: Path) -> Iterator[str]:
    """What it says to a report that was altered, and to one that is none."""
    (report,) = (site.parent / "state" / "studies" / "liver" / "outbox" / "delivered").glob("*.json")
    altered = report.read_bytes().replace(b'"value":310', b'"value":320')
    for content in (altered, report.read_bytes()[:-9], b"{}"):
        answer = client.post("/api/v1/reports", content=content)
        assert answer.status_code >= 400
        yield f"{answer.headers} {answer.text}"


def test_a_program_that_is_killed_leaves_no_core_dump_with_its_memory(tmp_path: Path) -> None:
    limit = "import atexit, resource; atexit.register(lambda: print(resource.getrlimit(resource.RLIMIT_CORE)))"
    assert "(0, 0)" in program(tmp_path / "site.yaml", "status", fault=limit).stdout
