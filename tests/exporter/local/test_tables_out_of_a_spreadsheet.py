"""Workbooks as hospitals keep them, and workbooks that mean harm."""

from __future__ import annotations

import datetime as dt
import io
import random
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from openpyxl import Workbook

from studyscope_exporter.csv_table import TableProblem, rows_of
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.consent import EVERY_STUDY, withdrawn_patients
from studyscope_exporter.sources.kinds import SiteContext, kinds, open_source
from studyscope_exporter.sources.roster import patients_on
from studyscope_exporter.sources.source import NoProgress
from studyscope_exporter.sources.tracker import tracked_stages

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
SITE = Pseudonyms(bytes(32))


def workbook(**sheets: Sequence[Sequence[object]]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(list(row))
    raw = io.BytesIO()
    book.save(raw)
    return raw.getvalue()


def with_part(raw: bytes, name: str, content: bytes) -> bytes:
    """The workbook with one part in place of its own."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for part in before.namelist():
            if part != name:
                after.writestr(part, before.read(part))
        after.writestr(name, content)
    return out.getvalue()


def test_cells_become_the_texts_that_a_csv_file_would_hold() -> None:
    day, moment = dt.datetime(2026, 3, 1), dt.datetime(2026, 3, 1, 8, 30)
    raw = workbook(
        Plan=[["ID", " Done ", "Day", None], [], [42.0, True, day, "x"], ["0042", False, moment], [1.5, " yes ", None]]
    )

    assert list(rows_of(raw, "utf-8", ["ID", "Done", "Day"])) == [
        (3, {"ID": "42", "Done": "1", "Day": "2026-03-01"}),
        (4, {"ID": "0042", "Done": "0", "Day": "2026-03-01 08:30:00"}),
        (5, {"ID": "1.5", "Done": "yes", "Day": ""}),
    ]


def test_a_tracker_and_a_roster_read_sheets_of_one_workbook(tmp_path: Path) -> None:
    path = tmp_path / "progress.xlsx"
    plan = [["Patient", "Due"], ["Ada", dt.datetime(2026, 3, 1)], ["Ben", "01.04.2026"]]
    path.write_bytes(workbook(Notes=[["nothing"]], Plan=plan, Done=[["Patient", "Reviewed"], ["Ada", "yes"], ["Ben", "no"]]))
    with Inventory.open(tmp_path / "inventory.sqlite", key=bytes(32), now=lambda: NOW) as inventory:
        for name, settings in {
            "roster": {"columns": {"patient": "Patient", "due": "Due"}, "date_format": "%d.%m.%Y", "sheet": "Plan"},
            "tracker": {"patient": "Patient", "stages": {"reviewed": "Reviewed"}, "sheet": "Done"},
        }.items():
            made = kinds()[name].Settings(name=name, kind=name, path=path, **settings)
            source = open_source(made, SiteContext(SITE, lambda: NOW))
            assert [finding.ok for finding in source.check()] == [True]
            source.scan(inventory, NoProgress())

        assert patients_on(inventory, "roster") == {
            SITE.patient("Ada"): dt.date(2026, 3, 1),
            SITE.patient("Ben"): dt.date(2026, 4, 1),
        }
        assert tracked_stages(inventory, "tracker") == {"reviewed": frozenset({SITE.patient("Ada")})}


def scanned(tmp_path: Path, kind: str, **settings: object) -> Inventory:
    """An inventory after two passes of a source of that kind over what lies in the folder; the second one reads nothing."""
    source = open_source(
        kinds()[kind].Settings(name=kind, kind=kind, **settings), SiteContext(SITE, lambda: NOW, frozenset({"liver"}))
    )
    assert [finding.ok for finding in source.check()] == [True]
    inventory = Inventory.open(tmp_path / f"{kind}.sqlite", key=bytes(32), now=lambda: NOW)
    assert source.scan(inventory, NoProgress()).read
    assert not source.scan(inventory, NoProgress()).read
    return inventory


def test_a_consent_register_may_be_a_sheet_with_days_as_cells_or_as_people_write_them(tmp_path: Path) -> None:
    rows = [
        ["PatientID", "status", "date"],
        ["Ada", "withdrawn", dt.datetime(2026, 3, 1)],
        ["Ben", "withdrawn", "01.04.2026"],
        ["Cem", "withdrawn", dt.datetime(2027, 1, 1)],  # not yet
        ["Dua", "given", None],
    ]
    (tmp_path / "consent.xlsx").write_bytes(workbook(Info=[["read me"]], Register=rows))
    settings = {"path": tmp_path / "consent.xlsx", "sheet": "Register", "columns": {"date": "date"}, "date_format": "%d.%m.%Y"}

    with scanned(tmp_path, "consent", **settings) as inventory:
        assert withdrawn_patients(inventory, "consent") == {
            (SITE.patient("Ada"), EVERY_STUDY),
            (SITE.patient("Ben"), EVERY_STUDY),
        }


def test_images_may_be_described_by_a_sheet(tmp_path: Path) -> None:
    rows = [["file", "PatientID", "Modality", "Day", "Age"], ["a.png", "0042", "CT", dt.datetime(2026, 3, 1), 61]]
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"")
    (tmp_path / "images.xlsx").write_bytes(workbook(Images=rows))
    settings = {"path": tmp_path / "images", "table": tmp_path / "images.xlsx", "date_format": "%d.%m.%Y"}

    with scanned(tmp_path, "images", columns={"date": "Day", "age": "Age"}, **settings) as inventory:
        (image,) = inventory.series_frame().to_dict("records")
    assert (image["patient_key"], image["acquired_on"], image["age_years"]) == (SITE.patient("0042"), dt.date(2026, 3, 1), 61)


def test_results_and_whose_they_are_may_stand_in_sheets(tmp_path: Path) -> None:
    cases = [["case", "predicted", "score"], ["c1", "malignant", 0.75], ["c2", 1, 0.25]]
    points = [["case", "landmark", "error_mm"], ["c1", "nasion", 1.5], ["c2", "nasion", None]]
    (tmp_path / "cases.xlsx").write_bytes(
        workbook(Cases=cases, Points=points, Whose=[["case", "who"], ["c1", "Ada"], ["c2", "Ben"]])
    )
    path = tmp_path / "cases.xlsx"
    link = {"by": "csv", "file": path, "name_column": "case", "column": "who", "sheet": "Whose"}

    with scanned(tmp_path, "classification", path=path, classifier="triage", columns={"score": "score"}, link=link) as inventory:
        found = inventory.classifications_frame().set_index("patient_key")
    assert [tuple(found.loc[SITE.patient(who), ["predicted", "score"]]) for who in ("Ada", "Ben")] == [
        ("malignant", 0.75),
        ("1", 0.25),
    ]
    with scanned(tmp_path, "landmarks", path=path, sheet="Points", link=link) as inventory:
        rows = inventory.landmarks_frame().set_index("patient_key")
    assert rows.loc[SITE.patient("Ada"), "error_mm"] == 1.5
    assert not rows.loc[SITE.patient("Ben"), "found"]


def test_a_formula_is_never_computed() -> None:
    raw = workbook(Plan=[["ID", "Link"], ["Ada", '=WEBSERVICE("http://127.0.0.1:9/"&A2)'], ["Ben", "=1+1"]])

    assert [row["Link"] for _, row in rows_of(raw, "utf-8", ["ID", "Link"])] == ["", ""]


def test_a_sheet_or_column_that_is_not_there_is_named_with_those_that_are() -> None:
    raw = workbook(Plan=[["ID"]], Done=[["ID"]])

    with pytest.raises(TableProblem, match="has no sheet 'plan'; there are: Plan, Done"):
        list(rows_of(raw, "utf-8", ["ID"], "plan"))
    with pytest.raises(TableProblem, match="has no column 'Name' among the "):
        list(rows_of(raw, "utf-8", ["Name"]))


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    raw = with_part(workbook(Plan=[["ID"]]), "xl/sharedStrings.xml", bytes(200 * 1024 * 1024))

    assert len(raw) < 1024 * 1024
    with pytest.raises(TableProblem, match="unpacks to more than 128 MiB"):
        list(rows_of(raw, "utf-8", ["ID"]))


def test_a_part_that_is_larger_than_it_says_is_not_unpacked_further() -> None:
    raw = bytearray(with_part(workbook(Plan=[["ID"]]), "xl/worksheets/sheet1.xml", bytes(64 * 1024 * 1024)))
    place = raw.rindex(b"PK\x01\x02")
    raw[place + 24 : place + 28] = (10).to_bytes(4, "little")  # the central directory's size of the last part, unpacked

    with pytest.raises(TableProblem, match=r"no \.xlsx workbook"):
        list(rows_of(bytes(raw), "utf-8", ["ID"]))


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">
<c r="A1" t="inlineStr"><is><t>&z;</t></is></c></row></sheetData></worksheet>"""


@pytest.mark.parametrize(
    "entities",
    [
        b"".join(b'<!ENTITY %c "%s">' % (97 + n, (b"&%c;" % (96 + n)) * 10) for n in range(1, 26)),
        b'<!ENTITY z SYSTEM "file:///etc/hostname">',
    ],
    ids=["ever longer", "another file"],
)
def test_entities_are_refused(entities: bytes) -> None:
    raw = with_part(workbook(Plan=[["ID"]]), "xl/worksheets/sheet1.xml", BOMB % entities)

    with pytest.raises(TableProblem, match=r"no \.xlsx workbook"):
        list(rows_of(raw, "utf-8", ["ID"]))


def test_a_row_and_a_column_far_away_end_soon() -> None:
    far = b"""<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>ID</t></is></c></row>
<row r="2"><c r="ZZZ2" t="inlineStr"><is><t>far</t></is></c></row>
<row r="3"><c r="A3" t="inlineStr"><is><t>Ada</t></is></c></row></sheetData></worksheet>"""
    raw = with_part(workbook(Plan=[["ID"]]), "xl/worksheets/sheet1.xml", far)

    assert [row["ID"] for _, row in rows_of(raw, "utf-8", ["ID"]) if row["ID"]] == ["Ada"]


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_workbook_is_read_or_refused_in_words(seed: int) -> None:
    chance = random.Random(seed)
    raw = workbook(Plan=[["ID", "Day"], ["Ada", dt.datetime(2026, 3, 1)], ["Ben", 1.5]])
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        name = chance.choice([part for part in parts.namelist() if part.endswith((".xml", ".rels"))])
        content = bytearray(parts.read(name))
    for _ in range(chance.randint(1, 8)):
        content[chance.randrange(len(content))] = chance.choice(b'<>/"9&x\x00\xff-')
    damaged = with_part(raw, name, bytes(content)) if seed % 2 else raw[: chance.randrange(4, len(raw))]

    with suppress(TableProblem):
        assert all(set(row) == {"ID", "Day"} for _, row in rows_of(damaged, "utf-8", ["ID", "Day"]))
