"""What a file of codes may say, and what it is told when it says something that cannot be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from studyscope_contract.code_file import CodeFile
from studyscope_contract.code_list import CodeList
from studyscope_contract.yaml_file import FileProblem, parse_yaml

VENDOR = """\
title: Manufacturer
codes:
  siemens:
    label: Siemens
    exact: [shs]
    words: [siemens, "healthin*"]
  mim:
    label: MIM
    words: [mim, mim software]
marks:
  copy:
    words: [copied by]
combined:
  - {code: mim, parts: [siemens, copy]}
not_stated: [unknown]
other: [siemens street 1]
"""


def codes(text: str) -> CodeList:
    return parse_yaml(text.encode(), Path("vendor.yaml"), CodeFile).code_list("vendor")


def problem(text: str) -> str:
    with pytest.raises(FileProblem) as caught:
        codes(text)
    return str(caught.value)


def test_the_whole_text_decides_before_its_words() -> None:
    assert codes(VENDOR).code("Siemens Street 1") == "other"
    assert codes(VENDOR).code("Siemens Street 2") == "siemens"


def test_a_word_with_a_star_stands_for_all_words_that_begin_so() -> None:
    assert codes(VENDOR).code("The Healthineers") == "siemens"
    assert codes(VENDOR).code("Health") == "other"


def test_of_two_codes_the_first_in_the_file_wins() -> None:
    assert codes(VENDOR).code("MIM Software / SIEMENS") == "siemens"


def test_a_combination_wins_over_the_order_of_the_file() -> None:
    assert codes(VENDOR).code("SIEMENS, copied by a PACS") == "mim"


def test_a_mark_alone_decides_nothing() -> None:
    assert codes(VENDOR).code("copied by a PACS") == "other"


def test_a_spelling_that_says_that_nothing_is_known_is_not_stated() -> None:
    assert codes(VENDOR).code(" UNKNOWN ") == "not_stated"


def test_a_spelling_in_two_codes_is_refused_with_both_names() -> None:
    text = problem(VENDOR.replace("words: [mim,", "words: [mim, SIEMENS,"))
    assert text == "vendor.yaml, line 1: 'SIEMENS' stands twice under words, in mim and siemens; keep one"


def test_two_spellings_that_differ_only_in_case_and_accents_are_refused() -> None:
    assert "'Sïemens' stands twice under words, in siemens" in problem(VENDOR.replace('[siemens, "', '[siemens, Sïemens, "'))


def test_a_spelling_that_is_both_a_code_and_not_stated_is_refused() -> None:
    assert "'shs' stands twice under exact, in not_stated and siemens" in problem(VENDOR.replace("[unknown]", "[shs]"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  mim:\n", "  other:\n", "other is part of every list; do not write it under codes or marks"),
        ("  copy:\n", "  mim:\n", "mim is both a code and a mark; rename the mark"),
        ("code: mim,", "code: vitrea,", "combined: vitrea is not one of the codes"),
        ("parts: [siemens, copy]", "parts: [siemens, paste]", "combined: paste is neither a code nor a mark"),
        ("[shs]", "['--']", "'--' holds no letter and no digit, so it could never match"),
        ('"healthin*"', '"he*"', "a star stands only at the end of one word of three or more letters"),
        ('"healthin*"', '"the health*"', "a star stands only at the end of one word of three or more letters"),
        ('"healthin*"', '"*ineers"', "a star stands only at the end of one word of three or more letters"),
        ("[shs]", "[no]", "Input should be a valid string"),
        ("exact:", "spellings:", "unknown key; allowed here: exact, label, words"),
        ("    label: MIM\n", "", "is missing"),
    ],
)
def test_a_mistake_in_a_file_is_named(old: str, new: str, message: str) -> None:
    assert old in VENDOR
    assert message in problem(VENDOR.replace(old, new, 1))


def test_a_mistake_in_one_code_is_named_with_its_line() -> None:
    assert problem(VENDOR.replace("[shs]", "[no]")).startswith("vendor.yaml, line 5: codes.siemens.exact")
