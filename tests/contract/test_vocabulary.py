"""What a code list promises: any text becomes one of its codes, the same text always the same one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyscope_contract.code_list import CodeList
from studyscope_contract.names import Code
from studyscope_contract.vocabulary import (
    AGE_BANDS,
    CODE_LISTS,
    FAILURE_REASONS,
    JOB_OUTCOMES,
    REVIEW_STATES,
    SEGMENT_STATES,
    SEXES,
    STAGES,
    UnknownCodeList,
    load_code_list,
    vocabulary_hash,
)

HOSTILE = (
    '"} 1\nstudy_patients{site="x"} 99\n#',
    "CHEST\r\n# HELP",
    "\x00\x00\x00",
    "CT\x00",
    "\ud800\udfff",
    "\u202e\u202dTSEHC",
    "🫁🧠",
    "e\u0301" * 40_000,
    "\u0345\u0301\u0323" * 30_000,
    "\ufdfa" * 4_000,
    "a" * 65_536,
    "a " * 32_768,
    "chest " * 12_000,
    " " * 65_536,
    "Mustermann^Erika",
    "1.2.840.113619.2.55.3.2831868886",
    "1957-03-14",
    "../../etc/passwd",
    "Robert'); DROP TABLE students;--",
    "{{ 7*7 }}",
    "*",
    "%s%n",
    "١٢٣",
    "\u2028",
    "ﬃ ﬀ",
)


@pytest.fixture(params=CODE_LISTS)
def code_list(request: pytest.FixtureRequest) -> CodeList:
    return load_code_list(request.param)


@settings(deadline=None)  # the first text waits for the files
@given(text=st.text(st.characters(), max_size=300), name=st.sampled_from(CODE_LISTS))
def test_any_text_becomes_one_of_the_codes(text: str, name: str) -> None:
    codes = load_code_list(name)
    assert codes.code(text) in codes.codes
    assert codes.code(text) == codes.code(text)


@settings(deadline=None)  # the first text waits for the files
@given(
    words=st.lists(st.sampled_from(["CHEST", "t1", "+", "GE", "\\", "\x00", "é", "_", "L", "discovery", "st", "🫁"]), max_size=9)
)
def test_any_mixture_of_known_words_and_dirt_becomes_one_of_the_codes(words: list[str]) -> None:
    for name in CODE_LISTS:
        codes = load_code_list(name)
        assert codes.code("".join(words)) in codes.codes
        assert codes.code(" ".join(words)) in codes.codes


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_becomes_one_of_the_codes(code_list: CodeList, text: str) -> None:
    assert code_list.code(text) in code_list.codes


def test_every_code_can_be_a_label_of_a_report(code_list: CodeList) -> None:
    _, constraint = get_args(Code)
    for code in code_list.codes:
        assert re.fullmatch(constraint.pattern, code), code
        assert len(code) <= 48


def test_codes_are_closed_distinct_and_end_with_other_and_not_stated(code_list: CodeList) -> None:
    assert code_list.codes[-2:] == ("other", "not_stated")
    assert len(set(code_list.codes)) == len(code_list.codes)


def test_every_code_has_a_name_for_people(code_list: CodeList) -> None:
    labels = [code_list.label(code) for code in code_list.codes]
    assert all(labels)
    assert len(set(labels)) == len(labels)


def test_a_label_is_not_made_up_for_an_unknown_code(code_list: CodeList) -> None:
    with pytest.raises(KeyError):
        code_list.label("no_such_code")


@pytest.mark.parametrize("text", [None, "", " ", "\t\n\r ", "\x00\x00", "-", "--", "?", "unknown", "N/A"])
def test_a_text_that_says_nothing_is_not_stated(code_list: CodeList, text: str | None) -> None:
    assert code_list.code(text) == "not_stated"


@pytest.mark.parametrize("text", ["zzqx", "🫁", "\ud800", "Mustermann^Erika"])
def test_an_unknown_text_is_other(code_list: CodeList, text: str) -> None:
    assert code_list.code(text) == "other"


@pytest.mark.parametrize(
    "change",
    [str.upper, str.lower, lambda text: f"  {text}\x00", lambda text: text.replace(" ", "__"), lambda text: f'"{text}"'],
    ids=["upper", "lower", "padded", "underscores", "quoted"],
)
def test_case_padding_and_punctuation_do_not_matter(change: Callable[[str], str]) -> None:
    assert load_code_list("vendor").code(change("GE Medical Systems")) == "ge"
    assert load_code_list("body_part").code(change("Schädel nativ")) == "head"


def test_what_stands_after_256_characters_does_not_count() -> None:
    vendor = load_code_list("vendor")
    assert vendor.code("x " * 100 + "siemens") == "siemens"
    assert vendor.code("x " * 128 + "siemens") == "other"


def test_a_word_is_found_only_whole() -> None:
    assert load_code_list("vendor").code("GEORGE") == "other"
    assert load_code_list("body_part").code("YEARLY HEARING") == "other"


def test_the_longest_words_win_over_their_parts() -> None:
    body_part = load_code_list("body_part")
    assert body_part.code("neck") == "neck"
    assert body_part.code("femoral neck") == "lower_limb"
    assert body_part.code("aorta") == "vessels"
    assert body_part.code("abdominal aorta") == "abdomen"


def test_memory_does_not_grow_with_the_texts_that_were_asked_for() -> None:
    codes = replace(load_code_list("vendor"), remembered=100)
    tracemalloc.start()
    try:
        for number in range(2_000):
            codes.code(f"{number:0200}")
        codes.code("y" * 8_000_000)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000  # 2,000 texts of 200 characters would be 500,000


def test_a_name_that_is_no_list_is_an_error_that_names_the_lists() -> None:
    with pytest.raises(UnknownCodeList, match="modality, vendor") as caught:
        load_code_list("sequence")
    assert caught.value.name == "sequence"


def test_a_name_cannot_reach_another_file() -> None:
    with pytest.raises(UnknownCodeList):
        load_code_list("../codes/vendor")


def test_a_list_is_read_once() -> None:
    assert load_code_list("vendor") is load_code_list("vendor")


def test_codes_and_hash_are_the_same_in_another_process() -> None:
    program = (
        "import json, sys\n"
        "from studyscope_contract.vocabulary import CODE_LISTS, load_code_list, vocabulary_hash\n"
        "texts = json.load(sys.stdin)\n"
        "print(json.dumps([vocabulary_hash(), [[load_code_list(n).code(t) for t in texts] for n in CODE_LISTS]]))"
    )
    texts = ["CHEST_TO_PELVIS", "t1 fl3d tra dyn CM", "GE / Siemens", "L+R", "Biograph64_mCT", "links rechts"]
    paths = ":".join([str(Path(sys.modules["studyscope_contract"].__path__[0]).parent)])
    here = [vocabulary_hash(), [[load_code_list(name).code(text) for text in texts] for name in CODE_LISTS]]
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(texts),
            env={"PYTHONPATH": paths, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout) == here


def test_fixed_codes_are_distinct_and_can_be_labels_of_a_report() -> None:
    _, constraint = get_args(Code)
    for codes in (JOB_OUTCOMES, FAILURE_REASONS, STAGES, SEXES, AGE_BANDS, REVIEW_STATES, SEGMENT_STATES):
        assert len(set(codes)) == len(codes)
        assert all(re.fullmatch(constraint.pattern, code) for code in codes)


def test_every_code_and_its_name_stand_in_the_documentation(code_list: CodeList) -> None:
    page = (Path(__file__).parents[2] / "docs" / "vocabulary.md").read_text(encoding="utf-8")
    section = page.split(f"### {code_list.name}\n")[1].split("\n### ")[0]
    assert [f"| `{code}` | {code_list.label(code)} |" for code in code_list.codes] == re.findall(r"^\| `.*$", section, re.M)
