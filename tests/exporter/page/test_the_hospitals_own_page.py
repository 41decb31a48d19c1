"""The page in a hospital's browser: nothing without the password, no change without its token, and signing on it."""

import datetime as dt
import io
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from page_cast import copied_site, make_site, run
from studyscope_contract.yaml_file import FileProblem
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.page.password import read_hash, write_password
from studyscope_exporter.page.serving import served_beside
from studyscope_exporter.settings import read_site_file

PASSWORD, PASSPHRASE = "a long password", "correct horse"


class Hand(SystemClock):
    """The machine's clock, moved on by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        return super().now() + self.ahead


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    path = make_site(folder, passphrase=PASSPHRASE)
    assert run(path, "scan", "--quiet") == 0
    write_password(folder / "page.password", PASSWORD)
    return path


@pytest.fixture
def site(scanned: Path, tmp_path: Path) -> Path:
    path = copied_site(scanned, tmp_path)
    with path.open("a") as file:
        file.write(f"page: {{password_file: page.password, port: {free_port()}}}\n")
    return path


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def browser(site: Path, hand: Hand) -> Iterator[httpx.Client]:
    """A browser before the page, which runs as `run` runs it."""
    settings = read_site_file(site)
    assert settings.page is not None
    with served_beside(settings, hand):
        address = f"http://127.0.0.1:{settings.page.port}"
        with httpx.Client(base_url=address, timeout=30) as client:
            yield client


def log_in(browser: httpx.Client, password: str = PASSWORD) -> int:
    return int(browser.post("/login", data={"password": password}).status_code)


def hidden(html: str, name: str) -> str:
    return re.findall(rf'name="{name}" value="([^"]*)"', html)[0]


def sign(browser: httpx.Client, site: Path, *, passphrase: str = PASSPHRASE, **changed: str) -> tuple[int, str]:
    html = browser.get("/studies/liver").text
    form = {"csrf": hidden(html, "csrf"), "shown": hidden(html, "shown"), "passphrase": passphrase} | changed
    key = (site.parent / "officer.pem").read_bytes()
    answer = browser.post("/studies/liver", data=form, files={"key": ("officer.pem", io.BytesIO(key))})
    return answer.status_code, answer.text


def test_nothing_is_shown_without_the_password(browser: httpx.Client) -> None:
    for path in ("/", "/studies/liver"):
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert log_in(browser, "not the password") == 403
    assert browser.get("/").status_code == 303


def test_after_five_wrong_passwords_nobody_may_try_for_a_while(browser: httpx.Client, hand: Hand) -> None:
    assert [log_in(browser, "wrong") for _ in range(5)] == [403] * 5
    assert log_in(browser) == 429
    hand.ahead += dt.timedelta(minutes=6)
    assert log_in(browser) == 303


def test_the_first_page_has_exact_and_published_side_by_side_and_says_why_not(browser: httpx.Client) -> None:
    log_in(browser)
    said = " ".join(re.sub(r"<[^>]+>", " ", browser.get("/").text).split())

    assert "Patients: 30 here, published –; target 80 by 2027-01-01, 37 % reached." in said
    assert "men 3 – waits for an approver" in said
    assert "archive (folder): up" in said


def test_an_approver_signs_on_the_page_with_their_own_key(browser: httpx.Client, site: Path) -> None:
    log_in(browser)
    shown = hidden(browser.get("/studies/liver").text, "shown")
    status, said = sign(browser, site)

    assert (status, "It is in the ledger" in said, "Nothing waits for an approver" in said) == (200, True, True)
    ledger = (site.parent / "state" / "studies" / "liver" / "domain" / "ledger.jsonl").read_text().splitlines()
    assert [one["approval"]["shown"] for one in map(json.loads, ledger) if one["act"] == "approval"] == [shown]


def test_a_wrong_passphrase_or_another_hash_signs_nothing(browser: httpx.Client, site: Path) -> None:
    log_in(browser)

    assert sign(browser, site, passphrase="wrong")[0] == 409
    status, said = sign(browser, site, shown="0" * 64)
    assert (status, "has changed since" in said) == (409, True)
    assert "wait for an approver" in browser.get("/").text


def test_a_form_from_elsewhere_changes_nothing(browser: httpx.Client, site: Path) -> None:
    log_in(browser)

    assert sign(browser, site, csrf="guessed")[0] == 403
    assert browser.post("/logout", data={"csrf": ""}).status_code == 403
    assert browser.get("/").status_code == 200


def test_a_session_ends_by_itself_and_by_logging_out(browser: httpx.Client, hand: Hand) -> None:
    log_in(browser)
    hand.ahead += dt.timedelta(minutes=31)
    assert browser.get("/").status_code == 303
    log_in(browser)
    assert browser.post("/logout", data={"csrf": hidden(browser.get("/").text, "csrf")}).status_code == 303
    assert browser.get("/").status_code == 303


def test_another_host_name_that_points_here_is_refused(browser: httpx.Client) -> None:
    assert browser.get("/login", headers={"host": "evil.example"}).status_code == 400


def test_every_answer_forbids_scripts_frames_and_copies(browser: httpx.Client) -> None:
    for path in ("/login", "/", "/nowhere"):
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


def test_the_cookie_is_not_for_scripts_or_other_sites(browser: httpx.Client) -> None:
    cookie = browser.post("/login", data={"password": PASSWORD}).headers["set-cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_a_form_that_is_too_large_is_refused(browser: httpx.Client) -> None:
    assert browser.post("/login", content=b"password=" + b"x" * 100_000).status_code == 413


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("{password_file: p, address: 0.0.0.0, names: [page.hospital.example]}", "needs certificate and certificate_key"),
        ("{password_file: p, certificate: c.pem}", "belong together"),
        ("{password_file: p, address: 0.0.0.0, certificate: c.pem, certificate_key: k.pem}", "names must list"),
        ("{password_file: p, address: somewhere}", "must be an IP address"),
    ],
)
def test_a_page_that_others_could_read_on_the_way_is_no_setting(site: Path, page: str, words: str) -> None:
    text = site.read_text()
    site.write_text(text[: text.index("page:")] + f"page: {page}\n")

    with pytest.raises(FileProblem, match=words):
        read_site_file(site)


def test_the_password_file_holds_no_password_and_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "page.password"
    write_password(file, PASSWORD)

    assert PASSWORD not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(FileProblem, match="at least 10 characters"):
        write_password(file, "short")
    file.chmod(0o644)
    with pytest.raises(FileProblem, match="others can read it"):
        read_hash(file)


def test_without_its_packages_the_page_says_what_to_install(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)

    assert run(site, "page") == 2
    assert "pip install 'studyscope[exporter,page]'" in capsys.readouterr().err
