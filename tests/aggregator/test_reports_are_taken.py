"""What the centre does with reports, through a real server."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, a_table, served
from studyscope_aggregator.acceptance import Received
from studyscope_aggregator.app import create_app
from studyscope_aggregator.canonical_report import CanonicalReport
from studyscope_aggregator.standing import Standing
from studyscope_aggregator.store import Entry, Receipt
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.keys import SigningKey
from studyscope_contract.policy import Parameters, Policy
from studyscope_contract.report import MAX_BYTES, PolicyStatement, Report, SignedReport, SiteFacts

REPORTS = "/api/v1/reports"
KEY = SigningKey.generate()


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def client(centre: Centre, clock: StandingClock) -> Iterator[httpx.Client]:
    settings = centre.settings()
    with served(create_app(settings, open_store(settings.store), clock)) as client:
        yield client


def sent(client: httpx.Client, centre: Centre, *reports: object) -> list[httpx.Response]:
    return [client.post(REPORTS, content=centre.signed(report).to_bytes()) for report in reports]  # type: ignore[arg-type]


def test_a_report_is_answered_with_a_receipt_and_shown(client: httpx.Client, centre: Centre) -> None:
    (answer,) = sent(client, centre, a_report())

    assert answer.status_code == 201
    assert answer.json()["site"] == "berlin"
    assert answer.json()["accepted_at"] == "2026-06-01T12:00:00Z"
    assert 'study_patients{study="liver",site="berlin"} 40\n' in client.get("/metrics").text


def test_the_same_bytes_again_get_the_same_receipt(client: httpx.Client, centre: Centre, clock: StandingClock) -> None:
    first, newer = sent(client, centre, a_report(grid_point=TODAY - 1), a_report(sequence=2))
    clock.moment = NOW.replace(hour=13)

    (again,) = sent(client, centre, a_report(grid_point=TODAY - 1))

    assert (first.status_code, newer.status_code, again.status_code) == (201, 201, 200)
    assert again.json() == first.json()


def refused(answer: httpx.Response, status: int, reason: str, words: str) -> None:
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert words in answer.json()["message"]


@pytest.mark.parametrize(("before", "status"), [(0, 201), (1, 201), (2, 403)])
def test_a_site_that_joined_today_may_report_of_the_grid_point_of_the_night_before(
    centre: Centre, before: int, status: int
) -> None:
    file = centre.folder / "studies/liver.yaml"
    study = yaml.safe_load(file.read_text())
    study["sites"][0]["member_from"] = NOW.date().isoformat()
    file.write_text(yaml.safe_dump(study))
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        (answer,) = sent(client, centre, a_report(grid_point=TODAY - before))
    assert answer.status_code == status
    if status == 403:
        refused(answer, 403, "not_member", "is not a member of study liver on the day of the report")


def test_a_site_cannot_write_as_another(client: httpx.Client, centre: Centre) -> None:
    raw = centre.signed(a_report(site="lyon"), centre.keys["berlin"]).to_bytes()

    refused(client.post(REPORTS, content=raw), 403, "unknown_key", "no key of site lyon")
    assert 'site="lyon",reason="unknown_key"} 1' in client.get("/metrics").text


def test_the_part_that_is_verified_is_the_part_that_was_signed(centre: Centre) -> None:
    report = a_report(tables=(a_table(), a_table("sex", {("F",): 20})))

    received = Received.of(centre.signed(report).to_bytes())

    assert received.signed_part == report.canonical()
    assert received.is_signed_by(centre.keys["berlin"].public)
    assert not received.is_signed_by(centre.keys["lyon"].public)


def test_a_report_in_which_nothing_moved_is_taken_without_being_parsed_and_shown_as_before(centre: Centre) -> None:
    app = create_app(centre.settings(), MemoryStore(), StandingClock())
    with served(app) as client:

        def standing(sequence: int) -> Standing:
            (answer,) = sent(client, centre, a_report(sequence=sequence, grid_point=TODAY - 10 + sequence))
            assert answer.status_code == 201
            found: Standing = app.state.wiring.consortium.standing("liver", "berlin")
            return found

        first, second, third = (standing(sequence) for sequence in (1, 2, 3))

    assert second.tables is first.tables
    assert third == Standing.of(a_report(sequence=3, grid_point=TODAY - 7), first.grid_time)


def test_a_repetition_is_judged_again_when_the_study_has_changed(client: httpx.Client, centre: Centre) -> None:
    shown = (a_table("stage", {("segmented",): 20}),)
    (first,) = sent(client, centre, a_report(tables=shown, grid_point=TODAY - 2))
    centre.write_study(stages=["imaged"])
    time.sleep(1.05)
    (second,) = sent(client, centre, a_report(tables=shown, sequence=2, grid_point=TODAY - 1))

    assert first.status_code == 201
    refused(second, 422, "unknown_code", "segmented")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"storage":"ok"', b'"storage":"low"'),
        (b'"value":', b'"value": '),
        (b'"sequence":2', b'"sequence":02'),
        (b'"grid_point":', b'"grid_point":0'),
        (b'"activity":"active",', b'"activity":"active","activity":"active",'),
        (b'"tables":[', b'"tables":[],"tables":['),
    ],
)
def test_no_change_of_the_bytes_passes_as_a_repetition(old: bytes, new: bytes) -> None:
    raw = SignedReport.sign(a_report(sequence=2), SigningKey.generate()).to_bytes()

    assert CanonicalReport.of(raw) is not None
    assert CanonicalReport.of(raw.replace(old, new, 1)) is None


@given(reports=st.builds(a_report, sequence=st.integers(1, 10**9), grid_point=st.integers(TODAY, 10**6)))
def test_a_repetition_says_what_the_whole_report_says(reports: Report) -> None:
    raw = SignedReport.sign(reports, KEY).to_bytes()
    repeated, whole = CanonicalReport.of(raw), Received.of(raw)

    assert repeated is not None
    for name in ("study", "site", "sequence", "grid_point", "activity", "content", "key", "signature", "signed_part"):
        assert getattr(repeated, name) == getattr(whole, name)


def test_an_altered_report_is_refused(client: httpx.Client, centre: Centre) -> None:
    content = json.loads(centre.signed(a_report()).to_bytes())
    content["report"]["activity"] = "paused"
    raw = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

    refused(client.post(REPORTS, content=raw), 403, "bad_signature", "altered")


def test_a_number_that_the_policy_cannot_show_is_refused(client: httpx.Client, centre: Centre) -> None:
    (answer,) = sent(client, centre, a_report(tables=(a_table(cells={(): 41}),)))

    refused(answer, 422, "impossible_value", "multiples of 10")


OBLIGED = Policy.model_validate(
    {"preset": "tens-open", "disclosure": {"reported": ["stage"], "legal_basis": "Protocol 4.2, section 7.3, ethics committee"}}
)
BY_STAGE = {("imaged",): 3, ("segmented",): 0, ("reviewed",): 41}


def test_exact_numbers_are_taken_where_the_policy_says_so(client: httpx.Client, centre: Centre) -> None:
    exact = a_table("stage", BY_STAGE, unit="reported")
    (answer,) = sent(client, centre, a_report(tables=(exact, a_table()), policy=PolicyStatement.of(OBLIGED)))

    assert answer.status_code == 201
    page = client.get("/metrics").text
    assert 'study_patients_by_stage{study="liver",site="berlin",stage="imaged"} 3' in page
    assert 'study_patients_by_stage{study="liver",site="berlin",stage="segmented"} 0' in page


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"reported": ["reached"]}, "a table's unit is not what the policy says of it"),
        ({"reported": ["sex", "stage"]}, "a table is named as reported that may only leave protected"),
        ({"preset": "tens", "parameters": {"k": 11, "b": 10, "s": 15, "m": 10}}, "b must be at least k"),
        ({"reported": []}, "a table's unit is not what the policy says of it"),
    ],
)
def test_exact_numbers_are_refused_where_they_may_not_be(
    client: httpx.Client, centre: Centre, change: dict[str, object], why: str
) -> None:
    report = a_report(tables=(a_table("stage", BY_STAGE, unit="reported"),), policy=PolicyStatement.of(OBLIGED))
    content = json.loads(centre.signed(report).to_bytes())
    content["report"]["policy"] |= change
    raw = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

    refused(client.post(REPORTS, content=raw), 400, "schema", why)


def test_a_small_number_that_claims_to_be_protected_is_refused(client: httpx.Client, centre: Centre) -> None:
    content = json.loads(centre.signed(a_report(tables=(a_table(),))).to_bytes())
    content["report"]["tables"][0]["cells"][0]["value"] = 3
    raw = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

    refused(client.post(REPORTS, content=raw), 400, "schema", "holds a number under 5")


def test_a_policy_looser_than_its_preset_is_refused(client: httpx.Client, centre: Centre) -> None:
    loose = PolicyStatement.model_validate(
        {"preset": "coarse", "parameters": Parameters(k=11, b=10, s=15, m=10), "grid": {}, "hash": "0" * 64}
    )

    refused(sent(client, centre, a_report(policy=loose))[0], 422, "policy_floor", "k = 11")


@pytest.mark.parametrize(
    ("table", "status", "reason"),
    [
        (a_table("weight"), 422, "unknown_table"),
        (a_table("structure_volume", {("1.0",): 20, ("+Inf",): 20}, per="spleen"), 422, "unknown_table"),
        (a_table("sex", {("X",): 20}), 422, "unknown_code"),
        (a_table("stage", {("transferred",): 20}), 422, "unknown_code"),
    ],
)
def test_what_the_study_does_not_have_is_refused(
    client: httpx.Client, centre: Centre, table: object, status: int, reason: str
) -> None:
    (answer,) = sent(client, centre, a_report(tables=(table,)))  # type: ignore[arg-type]

    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def test_order_and_time_are_kept(client: httpx.Client, centre: Centre, clock: StandingClock) -> None:
    assert sent(client, centre, a_report(sequence=5, grid_point=TODAY - 1))[0].status_code == 201

    old, other, stuck, ahead = sent(
        client,
        centre,
        a_report(sequence=4, grid_point=TODAY),
        a_report(sequence=5, grid_point=TODAY),
        a_report(sequence=6, grid_point=TODAY - 1),
        a_report(sequence=6, grid_point=TODAY + 1),
    )

    refused(old, 409, "old_sequence", "older than what this centre holds")
    refused(other, 409, "conflicting", "two exporters")
    refused(stuck, 409, "grid_order", "clock")
    refused(ahead, 425, "in_future", "clock")
    assert ahead.json()["temporary"] is True
    clock.moment = NOW.replace(day=2)
    assert sent(client, centre, a_report(sequence=6, grid_point=TODAY + 1))[0].status_code == 201


def test_a_grid_point_beyond_every_calendar_is_refused(client: httpx.Client, centre: Centre) -> None:
    refused(sent(client, centre, a_report(grid_point=10**15))[0], 425, "in_future", "clock")


def test_a_site_ahead_of_the_study_file_waits(client: httpx.Client, centre: Centre) -> None:
    facts = SiteFacts(release="0.1.0", study_version=2)

    refused(sent(client, centre, a_report(facts=facts))[0], 425, "newer_study_version", "version 2")


def test_unknown_names_are_told_and_not_made_into_labels(client: httpx.Client, centre: Centre) -> None:
    key = SigningKey.generate()
    for report, reason in ((a_report(site="madrid"), "unknown_site"), (a_report(study="lung"), "unknown_study")):
        answer = client.post(REPORTS, content=centre.signed(report, key).to_bytes())
        assert (answer.status_code, answer.json()["reason"]) == (404, reason)

    assert "madrid" not in client.get("/metrics").text


def test_too_much_is_refused_while_it_arrives(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * (MAX_BYTES // 16)

    try:
        answer = client.post(REPORTS, content=endless())
    except httpx.HTTPError:
        return  # the server closed the connection before everything was sent
    refused(answer, 413, "too_large", "bytes")


def test_compressed_bodies_are_refused(client: httpx.Client, centre: Centre) -> None:
    raw = gzip.compress(centre.signed(a_report()).to_bytes())

    refused(client.post(REPORTS, content=raw, headers={"Content-Encoding": "gzip"}), 415, "encoded", "without")


def test_a_centre_started_anew_shows_the_same_and_knows_the_last_report(centre: Centre, clock: StandingClock) -> None:
    settings = centre.settings()
    with served(create_app(settings, open_store(settings.store), clock)) as client:
        sent(client, centre, a_report(sequence=7), a_report(sequence=3))
        before = client.get("/metrics").text

    with served(create_app(settings, open_store(settings.store), clock)) as client:
        assert client.get("/metrics").text == before
        assert client.get("/api/v1/sites/liver/berlin/last").json()["sequence"] == 7
        assert client.get("/api/v1/sites/liver/oslo/last").status_code == 404


def test_a_stored_report_that_cannot_be_read_any_more_does_not_keep_the_centre_from_starting(
    centre: Centre, clock: StandingClock
) -> None:
    settings = centre.settings()
    store = open_store(settings.store)
    receipt = Receipt("liver", "berlin", 1, TODAY, "0" * 64, NOW)
    store.append(Entry(receipt, b'{"written by": "another release"}', NOW, NOW)).result()

    with served(create_app(settings, store, clock)) as client:
        assert 'site="berlin",state="never_reported"} 1' in client.get("/metrics").text
        assert sent(client, centre, a_report(sequence=1))[0].json()["reason"] == "conflicting"
        assert sent(client, centre, a_report(sequence=2, grid_point=TODAY + 1))[0].status_code == 425


def test_a_new_site_and_a_broken_file_need_no_restart(client: httpx.Client, centre: Centre) -> None:
    old = client.get("/api/v1/studies/liver")
    centre.write_study(version=2)
    time.sleep(1.1)
    new = client.get("/api/v1/studies/liver", headers={"If-None-Match": old.headers["etag"]})
    assert new.status_code == 200
    assert client.get("/api/v1/studies/liver", headers={"If-None-Match": new.headers["etag"]}).status_code == 304

    centre.write_study(version=3, colour="blue")
    time.sleep(1.1)

    assert client.get("/api/v1/studies/liver").content == new.content
    assert "studyscope_registry_reload_success 0.0" in client.get("/metrics/self").text


def test_both_forms_of_the_page_are_the_same(client: httpx.Client, centre: Centre) -> None:
    sent(client, centre, a_report())

    packed = client.get("/metrics", headers={"Accept-Encoding": "gzip"})

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == client.get("/metrics", headers={"Accept-Encoding": "identity"}).text


def test_health_is_told(client: httpx.Client) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").text == "ready\n"
