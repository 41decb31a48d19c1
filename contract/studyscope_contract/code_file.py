"""A file of codes/: reviewed data that says which spellings mean which code. `docs/vocabulary.md` explains it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from studyscope_contract.code_list import NOT_STATED, OTHER, CodeList, Words
from studyscope_contract.names import Code
from studyscope_contract.spelling import normalised
from studyscope_contract.yaml_file import Strict

Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


class Spellings(Strict):
    """What means one thing. A single word with a star at its end stands for all words that begin so."""

    exact: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @field_validator("words")
    @classmethod
    def _a_star_ends_one_word(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if "*" in word and (word.index("*") != len(word) - 1 or " " in normalised(word) or len(word) < 4):
                raise ValueError(f"{word!r}: a star stands only at the end of one word of three or more letters")
        return words

    @field_validator("exact", "words")
    @classmethod
    def _each_has_a_letter_or_digit(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            if not normalised(text):
                raise ValueError(f"{text!r} holds no letter and no digit, so it could never match")
        return texts


class Entry(Spellings):
    """One code."""

    label: Label


class Combination(Strict):
    """The code of a text in which all `parts` (codes or marks) occur."""

    code: Code
    parts: tuple[Code, ...] = Field(min_length=2)


class CodeFile(Strict):
    """One code list as its file says it; the order of `codes` is the order for people and of preference."""

    title: Label
    codes: dict[Code, Entry] = Field(min_length=1, max_length=64)
    marks: dict[Code, Spellings] = Field(default={}, description="words that matter only in a combination")
    combined: tuple[Combination, ...] = ()
    not_stated: tuple[str, ...] = Field(default=(), description="spellings that say that nothing is known")
    other: tuple[str, ...] = Field(default=(), description="spellings that are none of the codes, whatever their words say")

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        for name in (OTHER, NOT_STATED):
            if name in self.codes or name in self.marks:
                raise ValueError(f"{name} is part of every list; do not write it under codes or marks")
        for mark in self.marks:
            if mark in self.codes:
                raise ValueError(f"{mark} is both a code and a mark; rename the mark")
        for combination in self.combined:
            if combination.code not in self.codes:
                raise ValueError(f"combined: {combination.code} is not one of the codes")
            for part in combination.parts:
                if part not in self.codes and part not in self.marks:
                    raise ValueError(f"combined: {part} is neither a code nor a mark")
        return self

    @model_validator(mode="after")
    def _a_spelling_means_one_thing(self) -> Self:
        for kind, spellings in (("exact", self._exact()), ("words", self._words())):
            owners: dict[str, str] = {}
            for text, owner in spellings:
                spelling = normalised(text) + ("*" if text.endswith("*") else "")
                if spelling in owners:
                    places = " and ".join(sorted({owners[spelling], owner}))
                    raise ValueError(f"{text!r} stands twice under {kind}, in {places}; keep one")
                owners[spelling] = owner
        return self

    def code_list(self, name: str) -> CodeList:
        """This file as a list called `name`, ready to code texts."""
        words = list(self._words())
        return CodeList(
            name=name,
            title=self.title,
            codes=(*self.codes, OTHER, NOT_STATED),
            labels={code: entry.label for code, entry in self.codes.items()} | {OTHER: "Other", NOT_STATED: "Not stated"},
            exact={normalised(text): code for text, code in self._exact()},
            words=Words(
                sequences={tuple(normalised(text).split()): owner for text, owner in words if not text.endswith("*")},
                beginnings={normalised(text): owner for text, owner in words if text.endswith("*")},
            ),
            combined=tuple((rule.code, frozenset(rule.parts)) for rule in self.combined),
        )

    def _exact(self) -> Iterator[tuple[str, str]]:
        for code, entry in self.codes.items():
            yield from ((text, code) for text in entry.exact)
        yield from ((text, OTHER) for text in self.other)
        yield from ((text, NOT_STATED) for text in self.not_stated)

    def _words(self) -> Iterator[tuple[str, str]]:
        for owner, spellings in (*self.codes.items(), *self.marks.items()):
            yield from ((text, owner) for text in spellings.words)
