"""The centre's own pages behind a log-in by a real issuer, and what each role finds there."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
import yaml

from aggregator_cast import TODAY, Centre, StandingClock, a_report, served
from oidc_issuer import SECRET, Issuer, issuer
from prometheus_server import free_port
from studyscope_aggregator.app import create_app
from studyscope_aggregator.settings import AccessSettings, OpenIdSettings, read_settings
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.yaml_file import FileProblem

PEOPLE = {
    "anna": ["studyscope-coordinator"],
    "bert": ["studyscope-lead-liver"],
    "bella": ["studyscope-lead-lung"],
    "carla": ["studyscope-site-berlin"],
    "dora": ["staff"],
}


class TrueClock(StandingClock):
    """The true time and more: tokens of the issuer are of now."""

    ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


@dataclass(frozen=True)
class House:
    url: str
    provider: Issuer
    clock: TrueClock


@pytest.fixture(scope="module")
def running_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    tmp_path = tmp_path_factory.mktemp("house")
    centre, port, clock = Centre(tmp_path / "registry"), free_port(), TrueClock()
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    with ExitStack() as running:
        provider = running.enter_context(issuer(PEOPLE))
        openid = OpenIdSettings(issuer=provider.url, client_secret_file=secret)
        access = AccessSettings(prometheus="http://127.0.0.1:9", openid=openid)
        settings = centre.settings().model_copy(update={"access": access, "base_url": f"http://127.0.0.1:{port}"})
        client = running.enter_context(served(create_app(settings, MemoryStore(), clock), port))
        for site in ("berlin", "lyon"):
            report = a_report(site, grid_point=TODAY)
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
        yield House(str(client.base_url), provider, clock)


@pytest.fixture
def house(running_house: House) -> Iterator[House]:
    yield running_house
    running_house.clock.ahead, running_house.provider.down = dt.timedelta(), False


@contextmanager
def browser(house: House) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=house.url, timeout=30, trust_env=False) as one:
        yield one


@contextmanager
def logged_in(house: House, who: str, wanted: str = "/") -> Iterator[httpx.Client]:
    with browser(house) as one:
        assert one.get(way_back(one, who, wanted)).status_code == 303
        yield one


def way_back(one: httpx.Client, who: str, wanted: str = "/") -> str:
    """What the identity provider sends the browser back to."""
    begun = one.get("/login", params={"wanted": wanted})
    assert begun.status_code == 303
    back = httpx.get(f"{begun.headers['location']}&{urlencode({'login': who})}", trust_env=False)
    return str(back.headers["location"])


def text(answer: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_nobody_sees_a_page_before_they_log_in(house: House) -> None:
    with browser(house) as one:
        for page in ("/", "/sites/liver/berlin"):
            answer = one.get(page)
            assert answer.status_code == 303
            assert answer.headers["location"] == f"/login?wanted={page}"
            assert "berlin" not in answer.text.lower()


def test_somebody_comes_back_to_the_page_that_they_wanted(house: House) -> None:
    with browser(house) as one:
        done = one.get(way_back(one, "anna", "/sites/liver/lyon"))
        assert done.headers["location"] == "/sites/liver/lyon"
        assert "Hospital lyon" in one.get("/sites/liver/lyon").text
        cookie = done.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=lax" in cookie.lower()


@pytest.mark.parametrize("wanted", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "elsewhere"])
def test_no_link_leads_from_the_log_in_to_somewhere_else(house: House, wanted: str) -> None:
    with browser(house) as one:
        assert one.get(way_back(one, "anna", wanted)).headers["location"] == "/"


def test_a_coordinator_and_a_lead_see_every_site_by_name(house: House) -> None:
    for who, role in (("anna", "coordinator"), ("bert", "study lead")):
        with logged_in(house, who) as one:
            page = text(one.get("/"))
            assert all(f"Hospital {site}" in page for site in ("berlin", "lyon", "oslo"))
            assert f"{who}, {role}" in page


def test_a_site_sees_the_totals_and_itself(house: House) -> None:
    with logged_in(house, "carla") as one:
        page = one.get("/").text
        assert "Hospital berlin" in page
        assert "lyon" not in page.lower()
        assert "2 of 3 sites show their number" in page
        own = text(one.get("/sites/liver/berlin"))
        assert "What we sent" in own
        other = one.get("/sites/liver/lyon")
        assert other.status_code == 404
        assert text(other) == text(one.get("/sites/liver/atlantis")).replace("atlantis", "lyon")


def test_a_lead_of_another_study_sees_none_of_this_one(house: House) -> None:
    with logged_in(house, "bella") as one:
        page = one.get("/").text
        assert "no study of this centre belongs to it" in page
        assert "Liver" not in page
        assert one.get("/sites/liver/berlin").status_code == 404


def test_somebody_without_a_role_is_told_what_to_do(house: House) -> None:
    with browser(house) as one:
        answer = one.get(way_back(one, "dora"))
        assert answer.status_code == 403
        assert "dora has no role here" in answer.text
        assert one.get("/").status_code == 303


def test_a_log_in_that_was_not_begun_here_is_not_finished(house: House) -> None:
    with browser(house) as one, browser(house) as other:
        theirs, ours = way_back(other, "anna"), way_back(one, "carla")
        assert one.get(theirs).status_code == 403  # somebody else's log-in, pushed at us
        stolen = ours.replace(parse_qs(urlsplit(ours).query)["code"][0], parse_qs(urlsplit(theirs).query)["code"][0])
        assert one.get(stolen).status_code == 403  # their code with our state: the verifier does not fit
        assert one.get("/").status_code == 303
        assert one.get("/login/back").status_code == 403
        refused = one.get("/login/back", params={"error": "access_denied", "error_description": "<b>x</b>"})
        assert refused.status_code == 403
        assert "<b>x" not in refused.text


def test_a_log_in_that_takes_too_long_begins_again(house: House) -> None:
    with browser(house) as one:
        back = way_back(one, "anna")
        house.clock.ahead = dt.timedelta(minutes=11)
        assert "took too long" in one.get(back).text


def test_a_session_ends_by_itself_and_by_logging_out(house: House) -> None:
    with logged_in(house, "anna") as one:
        assert one.get("/").status_code == 200
        assert "logged out here" in one.post("/logout").text
        assert one.get("/").status_code == 303
    with logged_in(house, "anna") as one:
        house.clock.ahead = dt.timedelta(hours=9)
        assert one.get("/").status_code == 303


def test_a_session_that_somebody_made_up_is_none(house: House) -> None:
    content = {"kind": "session", "until": 4102444800, "content": {"role": "coordinator", "studies": [], "sites": [], "who": "x"}}
    made_up = [jwt.encode(content, "x" * 32, "HS256"), jwt.encode(content, "", "none"), "x", ""]
    with browser(house) as one:
        for cookie in made_up:
            assert one.get("/", headers={"Cookie": f"studyscope_session={cookie}"}).status_code == 303
        way_back(one, "anna")
        begun = one.cookies["studyscope_login"]
        assert one.get("/", headers={"Cookie": f"studyscope_session={begun}"}).status_code == 303


def test_an_identity_provider_that_is_down_is_told_in_words(house: House) -> None:
    house.provider.down = True
    with browser(house) as one:
        answer = one.get("/login")
        assert answer.status_code == 503
        assert "Try again in a few minutes" in answer.text


def test_the_cookie_is_for_https_alone_where_the_door_has_tls(house: House) -> None:
    with browser(house) as one:
        begun = one.get("/login", headers={"X-Forwarded-Proto": "https"})
        assert "Secure" in begun.headers["set-cookie"]


def test_a_secret_that_cannot_be_read_is_told_with_its_file(tmp_path: Path) -> None:
    Centre(tmp_path / "registry")
    openid = {"issuer": "https://id.example", "client_secret_file": "secret"}
    file = tmp_path / "centre.yaml"
    access = {"prometheus": "http://127.0.0.1:9090", "openid": openid}
    file.write_text(yaml.safe_dump({"registry": "registry", "store": "s.sqlite", "access": access}))
    for content, words in ((None, "cannot be read"), ("\n", "is empty")):
        if content is not None:
            (tmp_path / "secret").write_text(content)
        with pytest.raises(FileProblem, match=words):
            create_app(read_settings(file), MemoryStore(), TrueClock())
