"""Links from names and tables to patients."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from studyscope_exporter.linking import CsvLink, Link, LinkProblem, LinkSettings, PatternLink
from studyscope_exporter.name_template import NameTemplate
from studyscope_exporter.pseudonym import Pseudonyms

PSEUDONYMS = Pseudonyms(b"s" * 32)


@pytest.mark.parametrize(
    ("template", "path", "found"),
    [
        ("{PatientID}.nii.gz", "a/b/P1.nii.gz", {"PatientID": "P1"}),
        ("{PatientID}_{*}.nii.gz", "P1_20250101_x.nii.gz", {"PatientID": "P1"}),
        ("{*}_{PatientID}.nii.gz", "liver_P_1.nii.gz", {"PatientID": "P_1"}),
        (
            "{PatientID}/{StudyInstanceUID}/segmentations",
            "x/P1/1.2.3/segmentations",
            {"PatientID": "P1", "StudyInstanceUID": "1.2.3"},
        ),
        ("{PatientID}/{PatientID}.nii", "P1/P1.nii", {"PatientID": "P1"}),
        ("{PatientID}/{PatientID}.nii", "P1/P2.nii", {}),
        ("{PatientID}_{*}.nii.gz", "P1.nii.gz", {}),
        ("{PatientID}_{*}.nii.gz", "_x.nii.gz", {}),
        ("case_{PatientID}", "case_", {}),
        ("{PatientID}/x", "x", {}),
        ("{SeriesInstanceUID}.nii.gz", "1.2.nii.gz", {"SeriesInstanceUID": "1.2"}),
    ],
)
def test_a_template_finds_identifiers(template: str, path: str, found: dict[str, str]) -> None:
    assert NameTemplate.parse(template).match(path) == found


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{*}.nii", "must hold {PatientID}"),
        ("{Patient}.nii", "unknown placeholder {Patient}; allowed: {PatientID}"),
        ("{PatientID}{*}", "text that separates"),
        ("{PatientID", "not closed"),
    ],
)
def test_a_template_that_cannot_work_is_refused_with_what_is_allowed(template: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace("{", r"\{")):
        PatternLink(by="pattern", pattern=template)


@given(st.text(alphabet="ab_/.", max_size=60))
def test_any_name_is_matched_or_not_and_never_an_error(name: str) -> None:
    found = NameTemplate.parse("{*}_{PatientID}_{*}").match(name)

    assert set(found) <= {"PatientID"}
    assert found.get("PatientID", "x") in name + "x"


def test_a_hostile_name_costs_linear_time() -> None:
    template = NameTemplate.parse("_".join(["{*}", "{PatientID}", *["{*}"] * 40]) + "!")
    begin = time.perf_counter()

    template.match("a_" * 200_000)

    assert time.perf_counter() - begin < 0.5


def csv_link(path: Path, **settings: str) -> Link:
    return Link.opened(
        CsvLink.model_validate({"by": "csv", "file": path, "name_column": "case", "column": "pid"} | settings), PSEUDONYMS
    )


@pytest.mark.parametrize(
    "content", ["case,pid\nliver_1,P1\n", "\ufeffcase;pid\r\nliver_1;P1\r\n", 'x\tpid\tcase\n\t"P1"\tliver_1\n']
)
def test_a_table_links_names_whatever_its_separator(tmp_path: Path, content: str) -> None:
    (tmp_path / "links.csv").write_text(content, encoding="utf-8", newline="")

    assert csv_link(tmp_path / "links.csv").of(("a/liver_1.nii.gz", "liver_1")).patient_key == PSEUDONYMS.patient("P1")
    assert not csv_link(tmp_path / "links.csv").of(("liver_2",))


def test_a_table_that_changes_has_another_digest(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text("case,pid\na,P1\n")
    before = csv_link(tmp_path / "links.csv").digest
    (tmp_path / "links.csv").write_text("case,pid\na,P2\n")

    assert csv_link(tmp_path / "links.csv").digest != before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("case,pid\nMüller,P1\n".encode("cp1252"), "is not utf-8; save it as UTF-8, or set `encoding`"),
        (b"name,pid\na,P1\n", "has no column 'case' among the 2 that its first line names"),
        (b"", "has no column 'case' and no 'pid' among the 0"),
        (b"case,pid\na,P1\na,P2\n", "line 3 links a name a second time"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "links.csv").write_bytes(content)

    with pytest.raises(LinkProblem, match=message):
        csv_link(tmp_path / "links.csv")


def test_a_table_in_the_encoding_that_is_set_is_read(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_bytes("case,pid\nMüller,P1\n".encode("cp1252"))

    assert csv_link(tmp_path / "links.csv", encoding="cp1252").of(("Müller",))


def test_an_unknown_key_of_a_link_is_an_error() -> None:
    with pytest.raises(ValidationError, match="unknown key"):
        TypeAdapter(LinkSettings).validate_python({"by": "pattern", "pattern": "{PatientID}", "regex": ".*"})
