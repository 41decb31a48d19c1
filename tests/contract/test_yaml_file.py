"""Every mistake in a YAML file is named by file, line, key and what is allowed."""

from pathlib import Path

import pytest

from studyscope_contract.study import Study
from studyscope_contract.yaml_file import MAX_BYTES, FileProblem, parse_yaml, read_yaml

GOOD = """\
schema: 1
id: liver-lesions
title: Liver lesions
version: 1
leads:
  - {name: Dr. Lead, mail: lead@study.example}
sites:
  - id: berlin
    name: Berlin
    city: Berlin
    latitude: 52.5
    longitude: 13.4
    member_from: 2026-01-01
    targets:
      - {patients: 200, by: 2026-12-31, valid_from: 2026-01-01}
stages: [imaged, segmented]
structures:
  - {code: liver, label: Liver, synonyms: [leber]}
"""

MISTAKES = [
    ("unknown key", "version: 1", "version: 1\ncolour: red", 5, "colour", "unknown key; allowed here: "),
    ("unknown key deep inside", "    city: Berlin", "    town: Berlin", 10, "sites.0.town", "unknown key; allowed here: "),
    ("missing key", "title: Liver lesions\n", "", 1, "title", "is missing"),
    ("wrong type", "version: 1", "version: one", 4, "version", "valid integer"),
    ("number out of range", "latitude: 52.5", "latitude: 952.5", 11, "sites.0.latitude", "less than or equal to 90"),
    ("bad mail address", "lead@study.example", "nobody", 6, "leads.0.mail", "match pattern"),
    ("bad name", "id: berlin", "id: Berlin Mitte", 8, "sites.0.id", "match pattern"),
    ("unknown stage", "[imaged, segmented]", "[imaged, admired]", 16, "stages", "allowed, in this order: imaged, transferred"),
    ("stages out of order", "[imaged, segmented]", "[imaged, reviewed, segmented]", 16, "stages", "must be in this order"),
    ("a key twice", "version: 1", "version: 1\nversion: 2", 5, "version", "appears twice"),
    ("two sites of one name", "stages:", "  - {id: berlin, name: B, city: B, latitude: 1, longitude: 1, member_from: 2026-01-01}\nstages:", 7, "sites", "site appears twice: berlin"),
    ("not YAML", "leads:", "leads: [", 6, "", "not valid YAML"),
    ("an alias", "stages: [imaged, segmented]", "stages: &a [imaged]\nx: *a", 16, "", "anchors and aliases are not allowed"),
    ("a date that does not exist", "2026-12-31", "2026-13-31", 15, "sites.0.targets.0.by", "valid date"),
]  # fmt: skip


def test_a_good_file_is_read() -> None:
    study = parse_yaml(GOOD.encode(), Path("study.yaml"), Study)

    assert study.sites[0].targets[0].patients == 200
    assert study.structures[0].names == {"liver", "leber"}


@pytest.mark.parametrize(("mistake", "old", "new", "line", "key", "message"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_named_with_file_line_key_and_what_is_allowed(
    mistake: str, old: str, new: str, line: int, key: str, message: str
) -> None:
    text = GOOD.replace(old, new)
    assert text != GOOD, mistake

    with pytest.raises(FileProblem) as caught:
        parse_yaml(text.encode(), Path("study.yaml"), Study)

    first = caught.value.problems[0]
    assert (first.line, first.key) == (line, key)
    assert message in first.message
    assert str(caught.value).startswith(f"study.yaml, line {line}: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="cannot be read: No such file"):
        read_yaml(tmp_path / "study.yaml", Study)


def test_a_file_in_another_encoding_is_refused_with_its_line() -> None:
    raw = GOOD.replace("Berlin\n", "Münster\n").encode("latin-1")

    with pytest.raises(FileProblem, match="line 9: not UTF-8; save the file as UTF-8"):
        parse_yaml(raw, Path("study.yaml"), Study)


def test_a_huge_or_deeply_nested_file_is_refused() -> None:
    with pytest.raises(FileProblem, match="larger than"):
        parse_yaml(b"#" * (MAX_BYTES + 1), Path("study.yaml"), Study)
    with pytest.raises(FileProblem, match="not valid YAML"):
        parse_yaml(b"[" * 100_000, Path("study.yaml"), Study)


def test_a_list_instead_of_keys_is_refused() -> None:
    with pytest.raises(FileProblem, match="must hold keys and values"):
        parse_yaml(b"- 1\n- 2\n", Path("study.yaml"), Study)
