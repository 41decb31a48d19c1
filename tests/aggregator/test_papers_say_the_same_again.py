"""Numbers for a slide and passports of models: as they were known, byte for byte, whatever came since."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from aggregator_cast import NOW, TODAY, Centre, StandingClock, a_report, a_table, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.audit_log import Act, AuditLog
from studyscope_aggregator.cli import main
from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.closings import close
from studyscope_aggregator.papers.as_known import Moments, NotKnown, known_study
from studyscope_aggregator.papers.slide import Slide, slide
from studyscope_aggregator.registered_sites import Closing
from studyscope_aggregator.registry import load_registry
from studyscope_aggregator.signed_studies import SignedStudies
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.grid import Grid
from studyscope_contract.keys import SigningKey
from studyscope_contract.report import ProtectedTable
from studyscope_contract.signed_study import SignedStudy

DAY = dt.timedelta(days=1)
KNOWN = "2026-06-01T18:00:00+00:00"


@dataclass
class House:
    """A centre whose reports arrive when the test says."""

    centre: Centre
    clock: StandingClock

    def send(self, site: str, sequence: int, back: int, *tables: ProtectedTable, at: dt.datetime | None = None) -> None:
        self.clock.moment = at or NOW - back * DAY
        with served(create_app(self.centre.settings(), open_store(self.centre.settings().store), self.clock)) as client:
            report = a_report(site, sequence, TODAY - back, tables=tables)
            assert client.post("/api/v1/reports", content=self.centre.signed(report).to_bytes()).status_code == 201

    def sign(self, version: int, at: dt.datetime, **more: object) -> None:
        self.centre.write_study(version, **more)
        path = self.centre.folder / "studies" / "liver.yaml"
        SignedStudies(self.centre.folder).add(SignedStudy.sign(path.read_bytes(), path, SigningKey.generate()))
        AuditLog(self.centre.folder).record(Act(at, "me", "study sign", {"study": "liver", "version": version}))

    def paper(self, at: str, known: str, now: dt.datetime = NOW + 400 * DAY) -> Slide:
        with closing(open_store(self.centre.settings().store)) as store:
            moments = Moments.parse(at, known, now)
            return slide(known_study("liver", moments, self.centre.folder, load_registry(self.centre.folder), store))

    def retract(self, site: str, first: int, last: int, at: dt.datetime, *, purge: bool = False) -> None:
        with closing(open_store(self.centre.settings().store)) as store:
            (store.purge if purge else store.retract)("liver", site, first, last, "phantoms", at).result(10)


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(Centre(tmp_path / "registry"), StandingClock())
    made.sign(1, NOW - 30 * DAY)
    made.send("berlin", 1, 10, a_table(cells={(): 30}))
    made.send("berlin", 2, 1, a_table(cells={(): 40}), a_table("job_outcome", {("succeeded",): 30}, per="segment"))
    made.send("lyon", 1, 1, a_table(cells={(): 20}))
    return made


def rows(paper: Slide) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(paper.csv)))


def patients(paper: Slide) -> tuple[str, str, str, str]:
    row = next(row for row in rows(paper) if row["table"] == "population")
    return row["value"], row["at_least"], row["at_most"], row["sites"]


def test_a_paper_says_value_bounds_and_coverage(house: House) -> None:
    paper = house.paper("2026-05-31", KNOWN)

    assert patients(paper) == ("60", "50", "", "2")
    words = " ".join(re.sub(r"<[^>]+>", " ", paper.html.partition("</head>")[2]).split())
    assert "60 patients shown At least 50 patients at the sites, 2 of 3 sites show their number" in words
    assert "Agreed target of the expected sites: 600 patients; reached: at least 8 %" in words
    assert "as known at 2026-06-01T18:00:00+00:00; study file version 1 (signed, SHA-256" in words
    assert "Hospital" not in words  # a slide names no site
    assert not re.findall(r"(?:src|href)=|https?://", paper.html)


def test_the_state_of_an_earlier_day_is_that_of_its_end(house: House) -> None:
    assert patients(house.paper("2026-05-25", KNOWN))[0] == "30"


def test_what_arrived_later_counts_only_for_those_who_ask_later(house: House) -> None:
    house.send("oslo", 1, 5, a_table(cells={(): 50}), at=NOW + 3 * DAY)

    assert patients(house.paper("2026-05-31", KNOWN)) == ("60", "50", "", "2")
    assert patients(house.paper("2026-05-31", "2026-06-05")) == ("110", "95", "122", "3")


def test_nothing_that_comes_later_changes_a_byte(house: House) -> None:
    first = house.paper("2026-05-31", KNOWN)

    later = NOW + 10 * DAY
    house.send("berlin", 3, -5, a_table(cells={(): 500}), at=NOW + 5 * DAY)
    house.retract("lyon", 1, 1, later)
    house.sign(2, later, title="Another title", structures=[])
    close(house.centre.folder, Closing(study="liver", site="oslo", last_day=NOW.date() - 90 * DAY, why="left"))
    AuditLog(house.centre.folder).record(Act(later, "me", "site close", {"study": "liver", "site": "oslo"}))
    house.centre.write_study(3, title="Not signed yet")

    assert house.paper("2026-05-31", KNOWN) == first
    assert "Another title" in house.paper("2026-05-31", "2026-06-20").html
    assert patients(house.paper("2026-05-31", "2026-06-20"))[0] == "40"


def test_a_site_whose_reports_were_taken_back_is_called_so_from_that_day_on(house: House) -> None:
    house.retract("lyon", 1, 1, NOW + DAY)

    assert "all reports taken back" not in house.paper("2026-05-31", KNOWN).html
    then = house.paper("2026-05-31", "2026-06-20").html
    assert "all reports taken back" in then
    house.retract("lyon", 1, 1, NOW + 30 * DAY, purge=True)
    assert "all reports taken back" in house.paper("2026-05-31", "2026-06-20").html


def test_a_purge_is_the_one_thing_that_is_told_of(house: House) -> None:
    house.retract("lyon", 1, 1, NOW + DAY, purge=True)

    paper = house.paper("2026-05-31", KNOWN)

    assert patients(paper)[0] == "40"
    assert "have been deleted since at their site's wish (1)" in paper.html


@pytest.mark.parametrize(
    ("at", "known", "words"),
    [
        ("2026-05-31", "2026-07-01", "is not over"),
        ("2026-06-20", "2026-06-01", "lies after --known-at"),
        ("yesterday", "2026-06-01", "write a day as 2026-10-31"),
        ("2026-02-01", "2026-02-10", "no version of study liver was signed"),
    ],
)
def test_a_moment_that_cannot_stand_still_is_refused(house: House, at: str, known: str, words: str) -> None:
    with pytest.raises(NotKnown, match=re.escape(words)):
        house.paper(at, known, NOW + 5 * DAY)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A centre whose two sites reported yesterday."""
    now = SystemClock().now()
    centre = Centre(tmp_path / "registry")
    with served(
        create_app(centre.settings(), open_store(centre.settings().store), StandingClock(now - dt.timedelta(hours=1)))
    ) as client:
        for site, outcomes in (("berlin", {("succeeded",): 30, ("failed",): 20}), ("lyon", {("succeeded",): 40})):
            tables = (a_table(cells={(): 60}), a_table("job_outcome", outcomes, per="segment"))
            report = a_report(site, grid_point=Grid().index(now) - 1, tables=tables)
            assert client.post("/api/v1/reports", content=centre.signed(report).to_bytes()).status_code == 201
    file = tmp_path / "centre.yaml"
    file.write_text(yaml.safe_dump({"registry": "registry", "store": "registry/store.sqlite"}))
    return file


def test_the_command_writes_a_page_and_a_table_and_says_how_to_get_them_again(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    today, out = SystemClock().now().date().isoformat(), config.parent / "out"
    assert main(["--config", str(config), "report", "liver", "--at", today, "--out", str(out)]) == 0

    again = capsys.readouterr().out.splitlines()[-1].partition("the same again: ")[2].split()
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    assert {name.rpartition(".")[2] for name in files} == {"html", "csv"}
    assert main(["--config", str(config), *again, "--out", str(config.parent / "more")]) == 0
    assert {path.name: path.read_bytes() for path in (config.parent / "more").iterdir()} == files
    assert main(["--config", str(config), "report", "lung", "--at", today]) == 1
    assert "this centre has no study lung; it has liver" in capsys.readouterr().out


def test_a_passport_holds_versions_provenance_and_outcomes(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    today, out = SystemClock().now().date().isoformat(), config.parent / "out"
    assert main(["--config", str(config), "passport", "Liver-Net", "--at", today, "--out", str(out)]) == 0

    (page,), (data,) = ([path.read_text() for path in out.glob(f"*.{ending}")] for ending in ("html", "json"))
    (study,) = json.loads(data)["studies"]
    assert study["uses"] == [{"role": "workflow", "id": "segment", "title": "Segment", "version": "1"}]
    assert study["study_file"]["signed"] is False
    assert {table["table"] for table in study["tables"]} == {"job_outcome"}
    cells = {one["cell"]: one for one in study["tables"][0]["cells"]}
    assert (cells["outcome succeeded"]["value"], cells["outcome succeeded"]["sites"]) == (70, 2)
    assert cells["outcome failed"]["at_least"] == 15
    citation = json.loads(data)["citation"]
    assert citation in page
    again = capsys.readouterr().out.splitlines()[-1]
    assert "passport 'Liver-Net'" in again
    assert main(["--config", str(config), "passport", "unet", "--at", today]) == 1
    assert "today they use liver-net" in capsys.readouterr().out
