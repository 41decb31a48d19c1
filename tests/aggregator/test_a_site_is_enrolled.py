"""A site's key comes to the centre: asked for by the site, accepted by a person, rotated, revoked, audited."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from aggregator_cast import Centre, StandingClock, a_report, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.audit_log import AuditLog
from studyscope_aggregator.cli import main
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.enrolment_requests import MOST_WAITING
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.enrolment import EnrolmentRequest
from studyscope_contract.grid import Grid
from studyscope_contract.key_change import KeyChange
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import Report, SignedReport
from studyscope_exporter.cli import main as exporter
from studyscope_exporter.identity import SiteIdentity

ENROLMENTS = "/api/v1/enrolments"
YESTERDAY = Grid().index(dt.datetime.now(dt.UTC)) - 1


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    made = Centre(tmp_path / "registry")
    (made.folder / "sites.yaml").unlink()
    return made


@pytest.fixture
def config(centre: Centre, tmp_path: Path) -> str:
    del centre
    file = tmp_path / "centre.yaml"
    file.write_text(yaml.safe_dump({"registry": "registry", "store": "state/reports.sqlite"}), encoding="utf-8")
    return str(file)


@pytest.fixture
def client(centre: Centre) -> Iterator[httpx.Client]:
    with served(create_app(centre.settings(), MemoryStore(), SystemClock())) as client:
        yield client


def asked(
    client: httpx.Client, key: SigningKey, site: str = "berlin", study: str = "liver", old: SigningKey | None = None
) -> httpx.Response:
    day = dt.date(2026, 6, 1)
    change = KeyChange.vouched(site, old, key.public, day) if old else None
    request = EnrolmentRequest.make(study, site, key, day, change)
    return client.post(ENROLMENTS, content=request.to_bytes())


def sent(client: httpx.Client, key: SigningKey, sequence: int) -> httpx.Response:
    report: Report = a_report(sequence=sequence, grid_point=YESTERDAY - 10 + sequence, tables=())
    return client.post("/api/v1/reports", content=SignedReport.sign(report, key).to_bytes())


def seen_by_the_running_centre() -> None:
    time.sleep(1.05)  # it looks at the registry once a second


def test_a_site_of_the_study_is_seen_before_it_has_a_key(client: httpx.Client) -> None:
    page = client.get("/metrics").text

    assert 'study_site_state{study="liver",site="berlin",state="never_reported"} 1\n' in page
    assert 'study_sites_expected{study="liver"} 3\n' in page
    assert 'study_site_target_patients{study="liver",site="berlin"} 200\n' in page
    assert client.get("/sites/liver/berlin").status_code == 200
    assert client.get("/").text.count("no key accepted so far") == 3


def test_a_key_may_sign_only_after_a_person_accepted_it(client: httpx.Client, config: str) -> None:
    key = SigningKey.generate()

    assert asked(client, key).status_code == 202
    assert sent(client, key, 1).json()["reason"] == "unknown_site"
    assert main(["sites", "accept", "berlin", key.public.fingerprint, "--config", config]) == 0
    seen_by_the_running_centre()

    assert sent(client, key, 1).status_code == 201
    assert asked(client, key).json()["state"] == "accepted"
    assert 'study_site_key_expiry_timestamp_seconds{study="liver",site="berlin"}' in client.get("/metrics").text


def test_only_the_fingerprint_that_was_read_on_the_telephone_is_accepted(
    client: httpx.Client, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, right = SigningKey.generate(), SigningKey.generate()
    asked(client, wrong)

    assert main(["sites", "accept", "berlin", right.public.fingerprint, "--config", config]) == 2

    words = capsys.readouterr().err
    assert f"no key {right.public.fingerprint} of site berlin waits; there waits: {wrong.public.fingerprint}" in words


def test_a_request_that_the_key_did_not_sign_or_that_names_nobody_is_refused(client: httpx.Client) -> None:
    mine, theirs = SigningKey.generate(), SigningKey.generate()
    request = EnrolmentRequest.make("liver", "berlin", mine, dt.date(2026, 6, 1))
    forged = request.model_copy(update={"key": theirs.public.text})

    assert client.post(ENROLMENTS, content=forged.to_bytes()).status_code == 403
    assert client.post(ENROLMENTS, content=b"{}").status_code == 400
    assert client.post(ENROLMENTS, content=b" " * 5000).status_code == 413
    assert asked(client, mine, site="atlantis").status_code == 404
    assert asked(client, mine, study="lung").status_code == 404


def test_a_flood_of_requests_in_one_site_s_name_stays_a_list_that_people_can_read(client: httpx.Client) -> None:
    answers = [asked(client, SigningKey.generate()).status_code for _ in range(MOST_WAITING + 2)]

    assert answers == [202] * MOST_WAITING + [429] * 2
    assert asked(client, SigningKey.generate(), site="lyon").status_code == 202
    seen_by_the_running_centre()
    assert f'study_enrolment_requests{{study="liver"}} {MOST_WAITING + 1}\n' in client.get("/metrics").text


def test_rotation_overlaps_and_then_ends_the_old_key(client: httpx.Client, config: str, centre: Centre) -> None:
    old, new = SigningKey.generate(), SigningKey.generate()
    for key, before, step in ((old, None, ["accept"]), (new, old, ["rotate", "--overlap-days", "7"])):
        asked(client, key, old=before)
        assert main(["sites", step[0], "berlin", key.public.fingerprint, *step[1:], "--config", config]) == 0
    seen_by_the_running_centre()

    assert [sent(client, old, 1).status_code, sent(client, new, 2).status_code] == [201, 201]
    written = yaml.safe_load((centre.folder / "enrolled" / "berlin.yaml").read_text(encoding="utf-8"))
    until = {key["key"]: key["valid_until"] for key in written["keys"]}
    today = dt.datetime.now(dt.UTC).date()
    assert until[old.public.text] == (today + dt.timedelta(days=7)).isoformat()
    assert until[new.public.text] == (today + dt.timedelta(days=365)).isoformat()


def test_a_key_that_ends_soon_is_prolonged_and_a_revoked_one_is_not(
    client: httpx.Client, config: str, centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    key = SigningKey.generate()
    name, today = key.public.fingerprint, dt.datetime.now(dt.UTC).date()
    asked(client, key)
    assert main(["sites", "accept", "berlin", name, "--days", "20", "--config", config]) == 0
    assert main(["sites", "prolong", "berlin", name, "--days", "10", "--config", config]) != 0
    assert "valid until" in capsys.readouterr().err

    assert main(["sites", "prolong", "berlin", name, "--config", config]) == 0
    written = yaml.safe_load((centre.folder / "enrolled" / "berlin.yaml").read_text(encoding="utf-8"))
    assert [one["valid_until"] for one in written["keys"]] == [(today + dt.timedelta(days=365)).isoformat()]
    seen_by_the_running_centre()
    assert sent(client, key, 1).status_code == 201

    main(["sites", "revoke", "berlin", name, "--why", "lost", "--config", config])
    assert main(["sites", "prolong", "berlin", name, "--days", "900", "--config", config]) != 0
    assert "was revoked" in capsys.readouterr().err


def test_a_revoked_key_signs_nothing_any_more_within_a_second(client: httpx.Client, config: str) -> None:
    key = SigningKey.generate()
    asked(client, key)
    main(["sites", "accept", "berlin", key.public.fingerprint, "--config", config])
    seen_by_the_running_centre()
    assert sent(client, key, 1).status_code == 201

    main(["sites", "revoke", "berlin", key.public.fingerprint, "--why", "laptop lost", "--config", config])
    seen_by_the_running_centre()

    refused = sent(client, key, 2)
    assert (refused.status_code, refused.json()["reason"]) == (403, "key_revoked")
    assert asked(client, key).json()["state"] == "revoked"


def test_a_refused_key_is_told_so_and_does_not_come_back_into_the_list(
    client: httpx.Client, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = SigningKey.generate()
    asked(client, key)
    main(["sites", "refuse", "berlin", key.public.fingerprint, "--why", "nobody at the site knows it", "--config", config])

    assert asked(client, key).json()["state"] == "refused"
    capsys.readouterr()
    main(["sites", "list", "--config", config])
    assert key.public.fingerprint not in capsys.readouterr().out


def test_every_act_is_in_the_audit_log_and_an_altered_line_is_found(
    client: httpx.Client, config: str, centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    key = SigningKey.generate()
    asked(client, key)
    main(["sites", "accept", "berlin", key.public.fingerprint, "--by", "A. Coordinator", "--config", config])
    main(["sites", "revoke", "berlin", key.public.fingerprint, "--why", "trial", "--by", "B. Deputy", "--config", config])
    capsys.readouterr()

    assert main(["audit", "--config", config]) == 0
    words = capsys.readouterr().out
    assert "A. Coordinator  sites accept: " in words
    assert "B. Deputy  sites revoke: " in words

    path = AuditLog(centre.folder).path
    path.write_bytes(path.read_bytes().replace(b"A. Coordinator", b"C. Nobody"))
    assert main(["audit", "--config", config]) == 1
    assert "line 2: altered" in capsys.readouterr().out


def test_the_site_s_command_asks_and_later_says_that_it_may_report(
    client: httpx.Client, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site"
    (site / "images").mkdir(parents=True)
    approver = SigningKey.generate().public.text
    settings = {
        "site": "berlin",
        "state": "state",
        "keys": "keys",
        "studies": [
            {
                "study_file": str(tmp_path / "registry" / "studies" / "liver.yaml"),
                "centre": {"url": str(client.base_url).rstrip("/")},
                "approvers": [{"name": "A. Prover", "key": approver}],
            }
        ],
    }
    (site / "site.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    key = SiteIdentity.create(site / "keys").signing_key.public
    enrol = ["--config", str(site / "site.yaml"), "enrol", "liver"]

    assert exporter(enrol) == 0
    first = capsys.readouterr().out
    assert "is waiting" in first
    assert key.fingerprint.replace("-", "  ") in first
    main(["sites", "accept", "berlin", key.fingerprint, "--config", config])
    seen_by_the_running_centre()
    assert exporter(enrol) == 0
    assert "is accepted" in capsys.readouterr().out
    assert exporter(["--config", str(site / "site.yaml"), "ledger", "list"]) == 0
    ledger = capsys.readouterr().out
    assert ledger.count("to enrol site berlin: sent that id and the public key") == 2
    assert f"answered: key {key.fingerprint} is waiting" in ledger
    assert f"answered: key {key.fingerprint} is accepted" in ledger


def test_a_clock_that_stands_does_not_matter_to_requests(centre: Centre) -> None:
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        assert asked(client, SigningKey.generate()).status_code == 202
        unknown = client.get(f"{ENROLMENTS}/lyon/{SigningKey.generate().public.fingerprint}")
        assert unknown.json()["state"] == "unknown"
