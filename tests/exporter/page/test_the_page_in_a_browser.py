"""The page over TLS as a hospital's people use it: a real browser, the hospital's own certificate, keys and signed files."""

import datetime as dt
import json
import re
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_server import Answer, served
from page_cast import copied_site, make_site, run
from prometheus_server import free_port
from site_cast import write_patient
from studyscope_contract.keys import SigningKey
from studyscope_contract.yaml_file import FileProblem
from studyscope_exporter.cli import main
from studyscope_exporter.clock import SystemClock
from studyscope_exporter.page.password import write_password
from studyscope_exporter.page.serving import served_beside
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.small_server import EndpointProblem
from tls_certificate import certificate

PASSWORD, PASSPHRASE = "a long password", "correct horse"


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    path = make_site(folder, passphrase=PASSPHRASE)
    assert run(path, "scan", "--quiet") == 0
    write_password(folder / "page.password", PASSWORD)
    certificate(folder)
    page = f"{{password_file: page.password, port: {free_port()}, certificate: 127.0.0.1.pem, certificate_key: 127.0.0.1.pem}}"
    with path.open("a") as file:
        file.write(f"page: {page}\n")
    return path


@pytest.fixture
def site(scanned: Path, tmp_path: Path) -> Path:
    return copied_site(scanned, tmp_path)


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    settings = read_site_file(site)
    assert settings.page is not None
    with served_beside(settings, SystemClock()):
        yield f"https://127.0.0.1:{settings.page.port}"


@pytest.fixture
def client(address: str, site: Path) -> Iterator[httpx.Client]:
    """Somebody who is logged in, and who trusts the hospital's certificate and no other."""
    trust = ssl.create_default_context(cafile=site.parent / "127.0.0.1.pem")
    with httpx.Client(base_url=address, timeout=30, verify=trust, trust_env=False) as client:
        client.post("/login", data={"password": PASSWORD})
        yield client


@pytest.fixture
def browser(address: str) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on the PATH")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield opened.new_context(base_url=address, ignore_https_errors=True, viewport={"width": 1280, "height": 900})
        opened.close()


def logged_in(browser: Any) -> Any:
    page = browser.new_page()
    page.goto("/")
    page.fill("#password", PASSWORD)
    page.click("button")
    return page


def hidden(html: str, name: str) -> str:
    return re.findall(rf'name="{name}" value="([^"]*)"', html)[0]


def post(client: httpx.Client, where: str, files: dict[str, bytes], **changed: str) -> tuple[int, str]:
    html = client.get("/studies/liver").text
    form = {"csrf": hidden(html, "csrf"), "shown": hidden(html, "shown"), "passphrase": PASSPHRASE} | changed
    answer = client.post(where, data=form, files={name: (name, content) for name, content in files.items()})
    return answer.status_code, answer.text


def approvals(site: Path) -> list[dict[str, Any]]:
    lines = (site.parent / "state" / "studies" / "liver" / "domain" / "ledger.jsonl").read_text().splitlines()
    return [line["approval"] for line in map(json.loads, lines) if line["act"] == "approval"]


@pytest.mark.real
def test_an_approver_reads_and_signs_in_a_browser(browser: Any, site: Path) -> None:
    page = logged_in(browser)
    assert "Exact numbers of patients" in page.inner_text("body")
    page.click("text=wait for an approver: read and sign")
    page.set_input_files("#key", site.parent / "officer.pem")
    page.fill("#passphrase", "wrong")
    page.click("text=Sign what this page shows")
    refused = page.inner_text("[role=alert]")
    page.set_input_files("#key", site.parent / "officer.pem")
    page.fill("#passphrase", PASSPHRASE)
    page.click("text=Sign what this page shows")

    assert "wrong passphrase" in refused
    assert "It is in the ledger" in page.inner_text("[role=status]")
    assert len(approvals(site)) == 1
    page.click("text=Back to the overview")
    page.click("text=Log out")
    page.goto("/studies/liver")
    assert page.url.endswith("/login")


@pytest.mark.real
def test_another_page_open_in_the_same_browser_can_do_nothing_here(browser: Any, address: str, site: Path) -> None:
    """A page elsewhere that sends the form by itself, and one that puts ours into a frame, while an approver is logged in."""
    logged_in(browser)
    form = (
        f'<form method=post action="{address}/logout"><input name=csrf value=x></form><script>document.forms[0].submit()</script>'
    )
    frame = f'<iframe src="{address}/" name=inside></iframe>'
    with served(
        lambda asked: Answer((form if asked.path == "/form" else frame).encode(), 200, {"Content-Type": "text/html"})
    ) as evil:
        page = browser.new_page()
        page.goto(f"{evil.url.replace('127.0.0.1', 'localhost')}/form")
        page.wait_for_url(f"{address}/login")
        page.goto(f"{evil.url.replace('127.0.0.1', 'localhost')}/frame")
        framed = page.frame("inside")
        framed_text = "" if framed is None or framed.url.startswith("chrome-error:") else framed.inner_text("body")
    still = browser.new_page()
    still.goto("/")

    assert "Exact numbers" not in framed_text
    assert "Exact numbers of patients" in still.inner_text("body"), "still logged in: the other page logged nobody out"


@pytest.mark.real
def test_every_page_fits_a_desk_and_a_phone_and_can_be_read_in_light_dark_and_print(browser: Any) -> None:
    page = logged_in(browser)
    for where in ("/", "/studies/liver", "/login", "/nowhere"):
        page.goto(where)
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for media, scheme in (("screen", "light"), ("screen", "dark"), ("print", "light")):
                page.emulate_media(media=media, color_scheme=scheme)
                wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide <= 0, (where, width, media)
                assert page.evaluate(LOWEST_CONTRAST) >= 4.5, (where, media, scheme)


LOWEST_CONTRAST = """() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(c => c / 255)
      .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    const own = getComputedStyle(element).backgroundColor;
    return own === 'rgba(0, 0, 0, 0)' ? (element.parentElement ? ground(element.parentElement) : 'rgb(255, 255, 255)') : own;
  };
  const texts = [...document.querySelectorAll('body *')].filter(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  return Math.min(...texts.map(e => {
    const [high, low] = [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  }));
}"""


def test_the_cookie_goes_over_tls_only_and_plain_http_gets_nothing(address: str, site: Path) -> None:
    trust = ssl.create_default_context(cafile=site.parent / "127.0.0.1.pem")
    with httpx.Client(base_url=address, verify=trust, trust_env=False) as client:
        cookie = client.post("/login", data={"password": PASSWORD}).headers["set-cookie"]
    with pytest.raises(httpx.HTTPError):
        httpx.get(address.replace("https", "http"), trust_env=False)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(address, trust_env=False)

    assert "Secure" in cookie


@pytest.mark.parametrize(
    ("key", "passphrase", "words"),
    [
        ("stranger", PASSPHRASE, "is of no approver of this study; add it to `approvers`"),
        ("open", "", "has no passphrase"),
        ("public", PASSPHRASE, "is a public key; choose the file that keygen --approver wrote"),
        ("text", PASSPHRASE, "not a private key in PEM form, or the wrong passphrase"),
        ("officer", "", "type the passphrase"),
    ],
)
def test_every_wrong_key_says_what_to_do_and_signs_nothing(
    client: httpx.Client, site: Path, key: str, passphrase: str, words: str
) -> None:
    SigningKey.generate().save(site.parent / "stranger.pem", PASSPHRASE)
    SigningKey.generate().save(site.parent / "open.pem")
    (site.parent / "public.pem").write_text(SigningKey.generate().public.text)
    (site.parent / "text.pem").write_text("my holiday")
    status, said = post(client, "/studies/liver", {"key": (site.parent / f"{key}.pem").read_bytes()}, passphrase=passphrase)

    assert status == 409
    assert "Nothing was signed: " in said
    assert words in said.replace("&#39;", "'")
    assert approvals(site) == []


def test_what_changed_while_the_page_was_open_is_not_signed_and_the_new_is_shown(client: httpx.Client, site: Path) -> None:
    before = client.get("/studies/liver").text
    for number in range(100, 120):
        write_patient(site.parent / "dicom", number)
    run(site, "scan", "--quiet")
    key = (site.parent / "officer.pem").read_bytes()
    status, said = post(client, "/studies/liver", {"key": key}, shown=hidden(before, "shown"))

    assert (status, "has changed since you opened this page" in said) == (409, True)
    assert hidden(said, "shown") != hidden(before, "shown")
    assert post(client, "/studies/liver", {"key": key})[0] == 200


def test_a_key_that_never_comes_here_signs_the_request_of_the_page(client: httpx.Client, site: Path, tmp_path: Path) -> None:
    asked = client.get("/studies/liver/request")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    name = re.findall(r'filename="([^"]+)"', asked.headers["content-disposition"])[0]
    (elsewhere / name).write_bytes(asked.content)
    key = SigningKey.load(site.parent / "officer.pem", PASSPHRASE)
    key.save(elsewhere / "mine.pem")
    assert main(["approve", "--sign", str(elsewhere / name), "--key", str(elsewhere / "mine.pem"), "--yes"]) == 0
    signed = (elsewhere / f"{name}.signed").read_bytes()
    status, said = post(client, "/studies/liver/signed", {"signed": signed})
    again = post_again(client, signed)

    assert not re.search(rb"\b27\b", asked.content)
    assert (status, "It is in the ledger" in said) == (200, True)
    assert "in the ledger already; nothing was changed" in again
    assert len(approvals(site)) == 1
    assert "there is nothing to fetch" in client.get("/studies/liver/request").text


def post_again(client: httpx.Client, signed: bytes) -> str:
    csrf = hidden(client.get("/").text, "csrf")
    return client.post("/studies/liver/signed", data={"csrf": csrf}, files={"signed": ("again", signed)}).text


def test_a_stale_request_and_a_file_that_is_none_change_nothing(client: httpx.Client, site: Path, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_bytes(client.get("/studies/liver/request").content)
    SigningKey.load(site.parent / "officer.pem", PASSPHRASE).save(tmp_path / "mine.pem")
    main(["approve", "--sign", str(tmp_path / "request.json"), "--key", str(tmp_path / "mine.pem"), "--yes"])
    for number in range(100, 120):
        write_patient(site.parent / "dicom", number)
    run(site, "scan", "--quiet")
    stale = post(client, "/studies/liver/signed", {"signed": (tmp_path / "request.json.signed").read_bytes()})
    other = post(client, "/studies/liver/signed", {"signed": b"my holiday"})
    unsigned = post(client, "/studies/liver/signed", {"signed": (tmp_path / "request.json").read_bytes()})

    assert (stale[0], "make a new request and sign that" in stale[1]) == (409, True)
    assert (other[0], "no file that approve --sign has written" in other[1]) == (409, True)
    assert (unsigned[0], "whose name ends in .signed" in unsigned[1]) == (409, True)
    assert approvals(site) == []


def test_a_problem_is_a_page_in_words(client: httpx.Client) -> None:
    large = client.post("/studies/liver", content=b"x" * 100_000)
    for answer, words in (
        (client.get("/nowhere"), "There is no such page."),
        (client.get("/studies/other"), "There is no such page."),
        (client.post("/logout"), "open the page again"),
        (large, "choose the right file"),
    ):
        assert answer.headers["content-type"].startswith("text/html")
        assert words in answer.text
        assert "To the overview" in answer.text


def test_a_port_that_is_taken_and_a_wrong_certificate_are_said_before_anything_starts(site: Path) -> None:
    settings = read_site_file(site)
    assert settings.page is not None
    taken = socket.create_server(("127.0.0.1", settings.page.port))
    with taken, pytest.raises(EndpointProblem, match="choose another port"), served_beside(settings, SystemClock()):
        pass
    (site.parent / "127.0.0.1.pem").write_text("no certificate")
    with pytest.raises(FileProblem, match="no certificate in PEM"), served_beside(settings, SystemClock()):
        pass


def test_a_certificate_that_has_run_out_is_no_trouble_of_the_exporter(site: Path) -> None:
    """Browsers say it; the page stays reachable for who looks at why."""
    folder = site.parent / "old"
    folder.mkdir()
    shutil.copy(certificate(folder, until=dt.timedelta(days=-1)), site.parent / "127.0.0.1.pem")
    settings = read_site_file(site)
    assert settings.page is not None
    with served_beside(settings, SystemClock()), pytest.raises(httpx.ConnectError):
        httpx.get(f"https://127.0.0.1:{settings.page.port}", trust_env=False)
