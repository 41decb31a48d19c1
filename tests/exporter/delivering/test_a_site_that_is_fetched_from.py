"""A site that may only be fetched from: the same signed reports, the same receipts, each exactly once."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from acts_cast import Ahead, Hospital
from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.commands.fetch import fetch_all
from studyscope_aggregator.settings import CentreSettings, FetchedSite, Listen
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.fetch_request import KEYS, PATH, STUDY, FetchProblem, FetchRequest
from studyscope_contract.grid import Grid
from studyscope_contract.keys import SigningKey
from studyscope_contract.yaml_file import FileProblem
from studyscope_exporter.delivery.brought_study import BroughtStudy
from studyscope_exporter.delivery.fetched import Shelf, fetchable
from studyscope_exporter.delivery.key_requests import KeyRequests
from studyscope_exporter.delivery.outbox import Outbox
from studyscope_exporter.handing_in import hand_in, shelves_of
from studyscope_exporter.settings import parse_site_file, read_site_file
from studyscope_exporter.site import Site
from studyscope_exporter.small_server import Place
from tls_certificate import certificate

CENTRE = SigningKey.generate()


@contextmanager
def consortium(tmp_path: Path, *, trusted: SigningKey = CENTRE) -> Iterator[tuple[Centre, Outbox, CentreSettings]]:
    """A running centre, and a site's door with TLS that it may fetch from."""
    centre, outbox = Centre(tmp_path / "registry"), Outbox(tmp_path / "outbox")
    CENTRE.save(tmp_path / "centre.pem")
    pem = certificate(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = Place(port=port, certificate=pem, certificate_key=pem)
    shelf = Shelf(
        "berlin",
        "liver",
        outbox,
        (trusted.public,),
        KeyRequests(tmp_path / "site", "liver"),
        BroughtStudy(tmp_path / "site", "liver"),
        1,
        outbox.wanted_again,
        lambda report: Grid().moment(report.grid_point),
    )
    door = FetchedSite(site="berlin", study="liver", url=f"https://127.0.0.1:{port}", ca_file=pem)
    settings = centre.settings().model_copy(update={"key": tmp_path / "centre.pem", "fetch": (door,)})
    with served(create_app(settings, MemoryStore(), StandingClock())) as client, fetchable([shelf], place, StandingClock()):
        assert client.base_url.port is not None
        yield centre, outbox, settings.model_copy(update={"listen": Listen(port=client.base_url.port)})


def test_what_waits_is_fetched_and_the_receipts_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with consortium(tmp_path) as (centre, outbox, settings):
        for number in range(1, 121):
            outbox.put(centre.signed(a_report(sequence=number, grid_point=TODAY - 130 + number, tables=())))

        assert fetch_all(settings, CENTRE, StandingClock())
        assert "120 reports taken, 0 refused" in capsys.readouterr().out
        assert (len(outbox.waiting()), outbox.last_delivered()) == (0, 120)
        assert CENTRE.public.fingerprint in (outbox.receipt(120) or "")
        assert fetch_all(settings, CENTRE, StandingClock())
        assert "0 reports taken" in capsys.readouterr().out


def test_a_centre_that_lost_reports_fetches_them_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with consortium(tmp_path) as (centre, outbox, settings):
        for number in range(1, 6):
            outbox.put(centre.signed(a_report(sequence=number, grid_point=TODAY - 6 + number, tables=())))
        assert fetch_all(settings, CENTRE, StandingClock())
        store = MemoryStore()
        with served(create_app(settings, store, StandingClock())) as put_back:
            for number in (1, 2):
                again = centre.signed(a_report(sequence=number, grid_point=TODAY - 6 + number, tables=()))
                assert put_back.post("/api/v1/reports", content=again.to_bytes()).status_code == 201
            capsys.readouterr()

            own = settings.model_copy(update={"listen": Listen(port=put_back.base_url.port or 0)})
            assert fetch_all(own, CENTRE, StandingClock())
            said = capsys.readouterr().out
            assert "we hold its reports up to 2, it had delivered 5: asked for those after it again" in said
            assert "3 reports taken, 0 refused" in said
            assert [entry.receipt.sequence for entry in store.reports("liver", "berlin", 0, 9)] == [1, 2, 3, 4, 5]
            assert fetch_all(own, CENTRE, StandingClock())
            assert "again" not in capsys.readouterr().out


def test_answers_that_got_lost_double_nothing(tmp_path: Path) -> None:
    with consortium(tmp_path) as (centre, outbox, settings):
        outbox.put(report := centre.signed(a_report(grid_point=TODAY - 1)))
        own = f"http://127.0.0.1:{settings.listen.port}"
        assert httpx.post(f"{own}/api/v1/reports", content=report.to_bytes(), trust_env=False).status_code == 201

        assert fetch_all(settings, CENTRE, StandingClock())
        assert outbox.last_delivered() == 1
        assert httpx.get(f"{own}/api/v1/sites/liver/berlin/last", trust_env=False).json()["sequence"] == 1


def test_what_the_centre_refuses_for_good_is_set_aside_with_its_words(tmp_path: Path) -> None:
    with consortium(tmp_path) as (centre, outbox, settings):
        outbox.put(centre.signed(a_report(sequence=2)))
        assert fetch_all(settings, CENTRE, StandingClock())
        outbox.put(centre.signed(a_report(sequence=1, grid_point=TODAY - 3)))

        assert not fetch_all(settings, CENTRE, StandingClock())
        assert "old_sequence" in outbox.refusals()[1]


def test_nobody_but_the_centre_gets_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with consortium(tmp_path, trusted=SigningKey.generate()) as (centre, outbox, settings):
        outbox.put(centre.signed(a_report()))

        assert not fetch_all(settings, CENTRE, StandingClock())
        assert "401: the request is not signed by a key of the centre" in capsys.readouterr().out
        url, ca = settings.fetch[0].url, str(tmp_path / "127.0.0.1.pem")
        with httpx.Client(base_url=url, verify=ssl.create_default_context(cafile=ca), trust_env=False) as stranger:
            places = (
                f"{PATH}liver",
                f"{PATH}liver{KEYS}",
                f"{PATH}liver{STUDY}",
                f"{PATH}lung",
                f"{PATH}liver/more",
                f"{PATH}{KEYS}",
                "/metrics",
                "/",
            )
            asked = [stranger.get(path).status_code for path in places]
            asked.append(stranger.put(f"{PATH}liver").status_code)
        assert asked == [401, 401, 401, 404, 404, 404, 404, 404, 405]
        assert len(outbox.waiting()) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"study": "lung"}, "something else"),
        ({"site": "lyon"}, "something else"),
        ({"body": b"other"}, "something else"),
        ({"now": NOW + dt.timedelta(minutes=11)}, "not made just now"),
        ({"keys": (SigningKey.generate().public,)}, "not signed by a key"),
        ({"header": "Bearer abc"}, "send a request"),
    ],
)
def test_a_request_counts_for_one_purpose_and_ten_minutes(change: dict[str, object], words: str) -> None:
    header = FetchRequest.make("liver", "berlin", b"answers", CENTRE, NOW).header
    given: dict[str, object] = {
        "header": header,
        "body": b"answers",
        "keys": (CENTRE.public,),
        "study": "liver",
        "site": "berlin",
    }

    FetchRequest.verified(**{**given, "now": NOW})  # type: ignore[arg-type]
    with pytest.raises(FetchProblem, match=words):
        FetchRequest.verified(**{**given, "now": NOW, **change})  # type: ignore[arg-type]


def test_a_door_for_others_is_encrypted_and_the_centre_is_known_by_its_key(tmp_path: Path) -> None:
    def site(fetched: str, centre: str) -> None:
        study = f"  - study_file: s.yaml\n    centre: {centre}\n    approvers: [{{name: A, key: '{CENTRE.public.text}'}}]\n"
        text = f"site: a\nstate: s\nkeys: k\n{fetched}\nstudies:\n{study}"
        parse_site_file(text.encode(), tmp_path / "site.yaml")

    keys = f"keys: ['{CENTRE.public.text}']"
    site("fetched: {port: 8470}", f"{{url: 'https://c.example', delivery: fetched, {keys}}}")
    with pytest.raises(FileProblem, match="certificate, certificate_key"):
        site("fetched: {port: 8470, address: 10.1.2.3}", f"{{url: 'https://c.example', delivery: fetched, {keys}}}")
    with pytest.raises(FileProblem, match="needs `fetched:` in the site file"):
        site("", f"{{url: 'https://c.example', delivery: fetched, {keys}}}")
    with pytest.raises(FileProblem, match="needs `fetched:` in the site file"):
        site("fetched: {port: 8470}", "{url: 'https://c.example', delivery: fetched}")


def test_a_site_that_is_fetched_from_sends_nothing(tmp_path: Path) -> None:
    hospital = Hospital(tmp_path / "berlin", patients=2)
    text = hospital.file.read_text().replace("timeout_seconds: 5", f"keys: ['{CENTRE.public.text}'], delivery: fetched")
    hospital.file.write_text(text.replace("studies:\n", "fetched: {port: 8470}\nstudies:\n"))
    with Site(read_site_file(hospital.file), Ahead()) as site:
        (study,) = site.studies
        raw = site.release(study).to_bytes()

        assert hand_in(site, study).accepted == 0, "the centre's address answers nobody here"
        assert shelves_of(site)[0].waiting(site.clock.now()) == raw + b"\n", "over the first report nobody waits"


def test_no_report_can_be_had_before_the_minute_of_its_site_however_soon_it_was_made(tmp_path: Path) -> None:
    """A centre that asks every second would otherwise see how long the audit took, and with it that there was one."""
    hospital = Hospital(tmp_path / "berlin", patients=2)
    text = hospital.file.read_text().replace("timeout_seconds: 5", f"keys: ['{CENTRE.public.text}'], delivery: fetched")
    hospital.file.write_text(text.replace("studies:\n", "fetched: {port: 8470}\nstudies:\n"))
    with Site(read_site_file(hospital.file), Ahead()) as site:
        first = site.release(site.studies[0])
    with Site(read_site_file(hospital.file), Ahead(days=1)) as site:
        (study,), (shelf,) = site.studies, shelves_of(site)
        second = site.release(study)
        minute = study.settings.policy.grid.moment(second.report.grid_point) + dt.timedelta(minutes=study.delivery_minute)

        assert shelf.waiting(minute - dt.timedelta(seconds=1)) == first.to_bytes() + b"\n"
        assert shelf.waiting(minute) == first.to_bytes() + b"\n" + second.to_bytes() + b"\n"
