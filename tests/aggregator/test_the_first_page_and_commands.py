"""What people see: the first page and the commands."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.audit_log import Act, AuditLog
from studyscope_aggregator.cli import main
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.report import SiteFacts


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path / "registry", ("berlin", "lyon", "oslo", "bergen"))


@pytest.fixture
def client(centre: Centre) -> Iterator[httpx.Client]:
    refused = SiteFacts(release="0.1.0", study_version=1, tables={"population": "refused"})
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        for report in (
            a_report(),
            a_report("lyon", grid_point=TODAY - 3, tables=()),
            a_report("bergen", tables=(), facts=refused),
        ):
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
        client.post("/api/v1/reports", content=centre.signed(a_report("oslo"), centre.keys["berlin"]).to_bytes())
        yield client


def row_of(page: str, site: str) -> str:
    (row,) = [row for row in re.findall(r"<tr>.*?</tr>", page, re.S) if f"Hospital {site}" in row]
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def test_every_registered_site_has_a_row_that_says_why_it_shows_nothing(client: httpx.Client) -> None:
    page = client.get("/").text

    assert "fresh 2026-06-01 40 200 17 to 22 %" in row_of(page, "berlin")
    assert "late 3 reports missed 2026-05-29 under 15 or withheld" in row_of(page, "lyon")
    assert "not offered" in row_of(page, "bergen")
    assert "never reported" in row_of(page, "oslo")
    assert "1 unknown key last: no key of site oslo has fingerprint" in row_of(page, "oslo")


def test_the_total_says_its_coverage_and_why_it_has_no_upper_bound(client: httpx.Client) -> None:
    page = " ".join(re.sub(r"<[^>]+>", " ", client.get("/").text).split())

    assert "40 1 of 4 sites show their number; oldest release 2026-05-02" in page
    assert "at least 35" in page
    assert "No upper bound: 1 never reported, 1 not offered." in page


def test_the_page_needs_nothing_from_elsewhere(client: httpx.Client) -> None:
    answer = client.get("/")

    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.findall(r"""(?:src|href)=["'](?!/[a-z?]|/["'])""", answer.text)
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert client.get("/overview.css").headers["content-type"].startswith("text/css")


def test_the_page_renews_itself_only_where_somebody_asked_for_it(client: httpx.Client) -> None:
    assert 'http-equiv="refresh"' not in client.get("/").text
    assert 'http-equiv="refresh"' in client.get("/?renew=1").text


def test_a_name_from_a_file_is_shown_and_never_run(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "other")
    file = centre.folder / "studies" / "liver.yaml"
    file.write_text(file.read_text().replace("Hospital oslo", "<script>alert(1)</script>"))
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get("/").text


def test_the_page_of_a_site_says_what_arrived_when_and_why_something_was_refused(centre: Centre) -> None:
    store, clock = MemoryStore(), StandingClock()
    with served(create_app(centre.settings(), store, clock)) as client:
        for number, back in enumerate((5, 4, 3, 1), 1):
            clock.moment = NOW - dt.timedelta(days=back - (2 if number == 2 else 0))
            report = a_report(sequence=number, grid_point=TODAY - back)
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
        store.retract("liver", "berlin", 1, 1, "test images", NOW).result(5)
        clock.moment = NOW
        client.post("/api/v1/reports", content=centre.signed(a_report(sequence=1)).to_bytes())
        AuditLog(centre.folder).record(Act(NOW, "me", "retract", {}))
        time.sleep(1.2)  # the registry is looked at once a second
        page = html.unescape(client.get("/sites/liver/berlin").text)

    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>.*?</tr>", page, re.S)]
    assert any(re.fullmatch(r"4 2026-05-31 2026-05-31 12:00 [0-9a-f]{16}…", row) for row in rows)
    assert any(re.fullmatch(r"2 2026-05-28 2026-05-30 12:00 \S+ 2 days late", row) for row in rows)
    assert any(re.fullmatch(r"1 2026-05-27 2026-05-27 12:00 \S+ taken back: test images", row) for row in rows)
    assert any(row.startswith("conflicting 1 2026-06-01 12:00 report 1 was accepted before") for row in rows)
    assert "2026-05-30: no report" in page
    assert "2026-05-28: report 2, 2 days late" in page
    assert any(row == "stage Patients by the stage they are in now. waits for the site's approval" for row in rows)


def test_a_site_that_nobody_registered_has_no_page(client: httpx.Client) -> None:
    answer = client.get("/sites/liver/atlantis")

    assert answer.status_code == 404
    assert "There is no site atlantis in study liver" in answer.text


@pytest.mark.real
def test_the_page_fits_1280_pixels_and_is_readable_in_light_and_dark(client: httpx.Client) -> None:
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(str(client.base_url))
            assert page.evaluate("document.querySelector('.scroll').scrollWidth <= document.querySelector('.scroll').clientWidth")
            assert page.evaluate(LOWEST_CONTRAST) >= 4.5
        browser.close()


LOWEST_CONTRAST = """() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(c => c / 255)
      .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    const own = getComputedStyle(element).backgroundColor;
    return own === 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : own;
  };
  const texts = [...document.querySelectorAll('body *')].filter(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  return Math.min(...texts.map(e => {
    const [high, low] = [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  }));
}"""


@pytest.fixture
def config(centre: Centre, tmp_path: Path) -> Path:
    file = tmp_path / "centre.yaml"
    file.write_text(yaml.safe_dump({"registry": "registry", "store": "state/reports.sqlite"}), encoding="utf-8")
    return file


def test_check_says_what_the_centre_would_run_on(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(config)]) == 0

    words = capsys.readouterr().out
    assert "1 study, 4 sites with a key" in words
    assert "can be written" in words
    assert "no remote_write" in words


def test_a_wrong_key_in_the_centre_file_is_told_with_its_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("registry: registry\nstore: s.sqlite\ncolour: blue\n", encoding="utf-8")

    assert main(["check", "--config", str(config)]) == 2

    words = capsys.readouterr().err
    assert "centre.yaml, line 3: colour: unknown key; allowed here: access, base_url, " in words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("ed25519:", "rsa:"), "a public key must be"),
        (("valid_until: '2027-12-31'", "valid_until: '2020-01-01'"), "valid_until must not be before valid_from"),
        (("id: lyon", "id: berlin"), "site appears twice: berlin"),
        (("role: site_it", "role: boss"), "site_it"),
    ],
)
def test_a_wrong_sites_file_is_told_with_file_and_line(
    change: tuple[str, str], words: str, centre: Centre, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = centre.folder / "sites.yaml"
    file.write_text(file.read_text().replace(*change))

    assert main(["check", "--config", str(config)]) == 2

    told = capsys.readouterr().err
    assert re.search(r"sites\.yaml, line \d+: sites", told)
    assert words in told


def test_status_lists_every_site_for_people_and_programs(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "status", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert main(["--config", str(config), "status"]) == 0
    shown = capsys.readouterr().out

    assert {row["site"]: row["state"] for row in rows} == dict.fromkeys(("berlin", "lyon", "oslo", "bergen"), "never_reported")
    assert all(row["site"] in shown for row in rows)


def test_a_user_without_a_name_as_in_a_container_can_run_every_command(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)

    assert main(["--config", str(config), "check"]) == 0
    with pytest.raises(SystemExit):
        main(["sites", "accept", "--help"])
    assert "user 4000000000" in capsys.readouterr().out


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    words = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(name in words for name in ("serve", "check", "status"))


def test_keygen_makes_the_centre_s_key_once_and_prints_the_line_for_the_site_files(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text(encoding="utf-8") + "key: keys/centre.pem\n", encoding="utf-8")

    assert main(["keygen", "--config", str(config)]) == 0
    first = capsys.readouterr().out
    assert main(["keygen", "--config", str(config)]) == 0

    assert capsys.readouterr().out == first
    assert 'keys: ["ed25519:' in first
    assert (config.parent / "keys" / "centre.pem").stat().st_mode & 0o777 == 0o600


def test_a_centre_whose_key_is_missing_does_not_start_and_says_which_file(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text(encoding="utf-8") + "key: keys/centre.pem\n", encoding="utf-8")

    assert main(["check", "--config", str(config)]) == 2
    assert "keys/centre.pem: cannot read the key" in capsys.readouterr().err
