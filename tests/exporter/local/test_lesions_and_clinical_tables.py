"""Tables of lesions and of clinical variables, as spreadsheets and REDCap give them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studyscope_exporter.inventory import Inventory
from studyscope_exporter.lesion_change import LesionChange
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.clinical import clinical_values
from studyscope_exporter.sources.kinds import SiteContext, kinds, open_source
from studyscope_exporter.sources.lesions import lesion_changes
from studyscope_exporter.sources.source import NoProgress, ScanResult, Source

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
SITE = Pseudonyms(bytes(32))


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: NOW) as inventory:
        yield inventory


def opened(kind: str, name: str = "table", **settings: Any) -> Source:
    return open_source(kinds()[kind].Settings(name=name, kind=kind, **settings), SiteContext(SITE, lambda: NOW))


def scan(inventory: Inventory, kind: str, name: str = "table", **settings: Any) -> ScanResult:
    return opened(kind, name, **settings).scan(inventory, NoProgress())


def test_lesions_are_held_against_those_of_the_day_before_the_last(tmp_path: Path, inventory: Inventory) -> None:
    (tmp_path / "l.csv").write_text(
        "PatientID;lesion;date;diameter\n"
        "Ada;liver 1;01.01.2026;11,5\nAda;liver 1;01.02.2026;9\nAda;Liver 1;01.03.2026;8\n"
        "Ada;lung;01.02.2026;5\nAda;lung;01.03.2026;0\nAda;bone;01.03.2026;not measurable\n"
        "Ben;liver 1;01.01.2026;4\nBen;;01.03.2026;\n"
        "Cai;liver 1;01.01.2026;4\n"
    )
    columns = {"size": "diameter"}
    done = scan(inventory, "lesions", path=tmp_path / "l.csv", columns=columns, date_format="%d.%m.%Y")

    found = lesion_changes(inventory, ["table"])
    assert found == {SITE.patient("Ada"): LesionChange(1, 1, 1), SITE.patient("Ben"): LesionChange(0, 0, 1)}
    assert (done.seen, done.read) == (9, 2)


def test_a_tool_s_log_of_lesions_says_the_same_as_a_table(tmp_path: Path, inventory: Inventory) -> None:
    sessions = [("Ada", "1", "2026-01-01"), ("Ada", "1", "2026-03-01"), ("Ada", 2, "2026-03-01"), ("Ben", None, "2026-01-01")]
    lines = [json.dumps({"who": {"id": who}, "lesion": lesion, "date": day}) for who, lesion, day in sessions]
    (tmp_path / "l.jsonl").write_text("\n".join([*lines, "[]", "{", ""]))
    done = scan(inventory, "lesions", path=tmp_path / "l.jsonl", columns={"patient": "who.id"})

    assert lesion_changes(inventory, ["table"]) == {SITE.patient("Ada"): LesionChange(1, 1, 0)}
    assert (done.seen, done.unreadable) == (6, {"is no object": 2})


def test_no_name_of_a_lesion_and_no_day_is_kept(tmp_path: Path, inventory: Inventory) -> None:
    (tmp_path / "l.csv").write_text("PatientID,lesion,date\nAda,CANARY,2026-01-01\nAda,CANARY,2026-03-01\n")
    scan(inventory, "lesions", path=tmp_path / "l.csv")

    assert b"CANARY" not in inventory.note("table")
    assert b"2026" not in inventory.note("table")


def test_a_line_of_lesions_that_is_wrong_is_named_by_its_number(tmp_path: Path, inventory: Inventory) -> None:
    (tmp_path / "l.csv").write_text("PatientID,lesion,date\n,a,2026-01-01\nAda,a,yesterday\nAda,a,2026-01-01\n")

    assert scan(inventory, "lesions", path=tmp_path / "l.csv").to_mend == [
        "line 2: names no patient",
        "line 3: the day is not as %Y-%m-%d",
    ]


def test_a_redcap_export_gives_variables_over_several_lines_and_tables(tmp_path: Path, inventory: Inventory) -> None:
    (tmp_path / "one.csv").write_text(
        "record_id,redcap_event_name,grade\nAda,baseline,1\nAda,follow_up,\nAda,follow_up,3\nBen,baseline,\nCai,screening,2\n"
    )
    (tmp_path / "two.csv").write_text("PatientID,Receptor\nAda,ER+\n")
    events = {"redcap_event_name": ["baseline", "follow_up"]}
    one = {"patient": "record_id", "variables": {"grade": "grade"}, "where": events}
    done = scan(inventory, "clinical", "one", path=tmp_path / "one.csv", **one)
    scan(inventory, "clinical", "two", path=tmp_path / "two.csv", variables={"er": "Receptor"})

    assert (done.seen, done.read) == (5, 2)
    assert clinical_values(inventory, ["one", "two"]) == {
        "grade": {SITE.patient("Ada"): ("1", "3"), SITE.patient("Ben"): ()},
        "er": {SITE.patient("Ada"): ("ER+",)},
    }
    assert clinical_values(inventory, ["never-read"]) is None


def test_the_self_check_says_how_many_patients_have_each_variable_and_shows_no_value(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("PatientID,grade\nAda,CANARY\nBen,\n,1\n")
    said, wrong = opened("clinical", path=tmp_path / "c.csv", variables={"grade": "grade"}).check()

    assert said.message.endswith("3 lines, 2 patients; grade of 1")
    assert wrong.message.endswith("line 4: names no patient")


def test_a_table_without_the_column_of_a_variable_names_the_columns_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("PatientID,Grad\nAda,1\n")
    (found,) = opened("clinical", path=tmp_path / "c.csv", variables={"grade": "grade"}).check()

    assert not found.ok
    assert "there are: PatientID, Grad" in found.message
