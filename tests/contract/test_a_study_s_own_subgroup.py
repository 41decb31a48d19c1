"""Outcomes by a clinical variable that the study names as its subgroup."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from studyscope_contract.catalogue import TABLES
from studyscope_contract.study import Study

CONTENT: dict[str, Any] = {
    "schema": 1,
    "id": "liver",
    "title": "Liver",
    "version": 1,
    "leads": [{"name": "Dr. Lead", "mail": "lead@study.example"}],
    "sites": [
        {
            "id": "berlin",
            "name": "Berlin",
            "city": "Berlin",
            "latitude": 52.5,
            "longitude": 13.4,
            "member_from": "2026-01-01",
        }
    ],
}
GRADE: dict[str, Any] = {"id": "grade", "title": "Grade", "codes": {"a": ["low grade", "1"], "b": ["high grade", "3"]}}


def test_without_a_subgroup_no_table_of_it_exists() -> None:
    tables = {table.id for _, table in Study.model_validate(CONTENT).tables()}

    assert not [name for name in tables if "subgroup" in TABLES[name].labels]


def test_a_table_has_the_groups_of_the_study_alone() -> None:
    study = Study.model_validate(CONTENT | {"subgroup": GRADE})

    assert study.codes(TABLES["subgroup"]) == (("a",), ("b",), ("other",), ("not_stated",))
    assert {cell[1] for cell in study.codes(TABLES["stage_by_subgroup"])} == {"a", "b", "other", "not_stated"}


@pytest.mark.parametrize("letters", [["b"], ["a", "c"], ["low"], list("abcdef")])
def test_groups_are_called_a_to_e_in_order(letters: list[str]) -> None:
    with pytest.raises(ValidationError, match="call the groups a, b, c, d, e, in this order, at most five"):
        Study.model_validate(CONTENT | {"subgroup": GRADE | {"codes": {letter: [f"name {letter}"] for letter in letters}}})


def test_a_group_that_nobody_could_read_is_refused() -> None:
    with pytest.raises(ValidationError, match="say what group b is"):
        Study.model_validate(CONTENT | {"subgroup": GRADE | {"codes": {"a": ["low"], "b": []}}})


def test_one_answer_is_told_by_one_table() -> None:
    """How many are known follows from the subgroup's cells: a second table of that would add to what can be derived."""
    variable = GRADE | {"codes": {"low": ["1"]}}
    with pytest.raises(ValidationError, match="'grade' is the subgroup too: take it out of `variables`"):
        Study.model_validate(CONTENT | {"subgroup": GRADE, "variables": [variable]})
