"""A classifier of MR sequences that the site runs: what it tells comes before what people wrote."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from disclosure_cast import study
from studyscope_exporter.collectors.cohort import StudyRecords
from studyscope_exporter.collectors.imaging import mr_sequence
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import ImagingSeries
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.sequences import SequencesSource, Settings, told_sequences
from studyscope_exporter.sources.source import NoProgress

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
SITE = Pseudonyms(bytes(32))
TABLE = "uid;class\n1.1;T2 FLAIR\n1.2;weird\n1.3;\n;T1\n"


def an_mr(uid: str, patient: str, described_as: str) -> ImagingSeries:
    key, person = SITE.series(uid), SITE.patient(patient)
    fields: tuple[Any, ...] = ("MR", "other", "other", "other", "F", 50, NOW.date(), None, None, "yes", "no", False)
    return replace(ImagingSeries(key, key, person, *fields), mr_sequence=described_as)


def source(path: Path, **settings: Any) -> SequencesSource:
    columns = {"series": "uid", "sequence": "class"}
    made = Settings(name="classifier", kind="sequences", path=path, columns=columns, **settings)
    return SequencesSource(made, SiteContext(SITE, lambda: NOW))


def test_what_the_classifier_tells_comes_before_the_description(tmp_path: Path) -> None:
    (tmp_path / "told.csv").write_text(TABLE)
    with Inventory.open(tmp_path / "i.sqlite", key=bytes(32), now=lambda: NOW) as inventory:
        for number, (patient, described_as) in enumerate([("A", "t1"), ("B", "t1"), ("C", "dwi"), ("D", "not_stated")], 1):
            inventory.put("archive", bytes([number] * 16), [an_mr(f"1.{number}", patient, described_as)])
        result = source(tmp_path / "told.csv", codes={"Weird": "t2"}).scan(inventory, NoProgress())
        records = StudyRecords(inventory, study(), NOW, sequences=told_sequences(inventory, ["classifier"]))
        cells = mr_sequence(records, "")

    assert {who: cells[SITE.patient(who)] for who in "ABCD"} == {
        "A": frozenset({("flair",)}),
        "B": frozenset({("t2",)}),
        "C": frozenset({("dwi",)}),  # the classifier could not tell
        "D": frozenset({("not_stated",)}),
    }
    assert (result.read, result.unreadable) == (2, {"names no series": 1})


def test_a_word_that_nobody_knows_is_other_and_a_code_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "told.csv").write_text(TABLE)
    with Inventory.open(tmp_path / "i.sqlite", key=bytes(32), now=lambda: NOW) as inventory:
        source(tmp_path / "told.csv").scan(inventory, NoProgress())
        assert told_sequences(inventory, ["classifier"])[SITE.series("1.2")] == "other"
    with pytest.raises(ValidationError, match=r"unknown codes t9; allowed: .*flair"):
        source(tmp_path / "told.csv", codes={"weird": "t9"})


def test_nothing_of_the_table_is_kept_but_keys_and_codes(tmp_path: Path) -> None:
    (tmp_path / "told.csv").write_text("uid;class\n1.2.826.4711;T1 CANARYDOE\n")
    with Inventory.open(tmp_path / "i.sqlite", key=bytes(32), now=lambda: NOW) as inventory:
        source(tmp_path / "told.csv").scan(inventory, NoProgress())
        kept = inventory.note("classifier")

    assert b"CANARYDOE" not in kept
    assert b"4711" not in kept
