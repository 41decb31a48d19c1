"""A data-protection officer's way: an empty site, 320 patients, one page to read, one signature, and exactly that leaves."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from page_cast import make_site, run
from site_cast import write_patient

ROW = re.compile(r"<tr><td>([^<]+)</td><td class=\"number\">([^<]*)</td><td class=\"number\">([\d,]+)</td>")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Installed, nothing read yet."""
    return make_site(tmp_path, patients=0)


def fill(site: Path) -> None:
    for number in range(320):
        write_patient(site.parent / "dicom", number, "F" if number < 180 else "M" if number < 315 else "O")
    assert run(site, "scan", "--quiet") == 0


def read(site: Path, name: str) -> str:
    assert run(site, "preview", "--html", str(site.parent / name)) == 0
    return unescape((site.parent / name).read_text())


def shown_on(page: str) -> set[tuple[str, int]]:
    return {(words, int(value.replace(",", ""))) for words, _, value in ROW.findall(page)}


def left(site: Path) -> list[int]:
    """Every number in the report that waits for the centre."""
    (report,) = (site.parent / "state" / "studies" / "liver" / "outbox" / "waiting").glob("*.json")
    tables = json.loads(report.read_bytes())["report"]["tables"]
    return sorted(cell["value"] for table in tables for cell in table["cells"])


def test_what_was_read_and_signed_is_what_leaves_to_the_number(site: Path) -> None:
    empty = read(site, "empty.html")
    fill(site)
    page = read(site, "preview.html")
    command = re.findall(r"<pre>studyscope-exporter (approve [^<]+)</pre>", page)[0].split()
    command[command.index("YOUR-KEY")] = str(site.parent / "officer.pem")
    assert run(site, *command, "--yes") == 0
    run(site, "once", "--quiet")
    after = read(site, "after.html")

    assert shown_on(empty) == set()
    assert {("all patients", 320), ("women", 180)} <= shown_on(page)
    assert sorted(value for _, _, value in ROW.findall(page)) == sorted(f"{value:,}" for value in left(site))
    assert "Nothing waits for an approver" in after
    assert "Nothing new would be shown with this report" in after


def test_the_page_says_what_stays_hidden_and_what_somebody_could_still_conclude(site: Path) -> None:
    fill(site)
    page = " ".join(re.sub(r"<[^>]+>", " ", read(site, "preview.html")).split())

    assert "Hidden: other (5): fewer than 15 people; outside it looks the same as nobody." in page
    assert re.search(r"other Patients by sex 0 \d+ truly 5 people; it could as well be nobody", page)


def test_the_officer_who_does_not_sign_has_held_everything(site: Path) -> None:
    fill(site)
    read(site, "preview.html")
    run(site, "once", "--quiet")

    assert left(site) == []
